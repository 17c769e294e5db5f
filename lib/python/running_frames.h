// Where the threads of a process are, read while it runs: pointers only, that a later capture gives names to.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/python/runtime.h"
#include "lib/target/memory_reader.h"

namespace heapglass {

struct RunningFrame {
  Address code{};
  std::int64_t offset = 0;  // of the instruction, bytes, as line_of() takes it
};

struct RunningThread {
  Address tstate{};
  std::uint64_t native_id = 0;       // 0: not told by this version
  std::uint64_t thread_id = 0;       // pthread_t
  std::vector<RunningFrame> frames;  // innermost first, at most kMostRunningFrames
};

constexpr std::size_t kMostRunningFrames = 200;

// All threads of all interpreters. What changes while it is read leads nowhere or around in circles: such a
// thread is left out and counted in `torn`; what it leads to need not be code, which is seen when it gets its
// name.
std::vector<RunningThread> read_running_frames(const MemoryReader& memory, const PyLayout& layout,
                                               const VersionTraits& rules, Address runtime,
                                               std::uint64_t& torn);

}  // namespace heapglass
