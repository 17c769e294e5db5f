// The memory of threads' C stacks.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/target/capture.h"

namespace heapglass {

struct ThreadStack {
  std::int32_t tid = 0;
  Address start{};
  std::uint64_t size = 0;  // with glibc's thread data at its end; without the guard
};

// Of every thread whose stack pointer leads into a mapping, in order of address.
std::vector<ThreadStack> thread_stacks(const Capture& capture);

}  // namespace heapglass
