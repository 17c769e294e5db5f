// How much more memory a process can take before it is refused some, or killed for it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace heapglass {

// What heapglass takes beside the copy of a target, before there is any answer.
constexpr std::uint64_t kRoomForOurselves = 16u << 20;

struct MemoryLeft {
  std::string who;  // that has no more: "the machine", "its control group", "its own limit"
  std::uint64_t bytes = 0;
  bool is_own_limit() const { return who == "its own limit"; }
};

// Of the machine (MemAvailable of /proc/meminfo), the control groups of a process and, where it is this one,
// its limit of data (RLIMIT_DATA, which limit_own_memory() and `ulimit -d` set), the one that leaves least.
MemoryLeft memory_left(pid_t pid);

// Of this process and those that it starts, each by itself: private memory that can be written, as the kernel
// counts it for RLIMIT_DATA. What would take more is refused: std::bad_alloc. A limit that is lower already
// stays. Throws Error kUnreachable where that is less than heapglass takes of the smallest target.
void limit_own_memory(std::uint64_t bytes);

}  // namespace heapglass
