// How much more memory a process can take before it is refused some, or killed for it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace heapglass {

struct MemoryLeft {
  std::string who;  // that has no more: "the machine", "its control group"
  std::uint64_t bytes = 0;
};

// Of the machine (MemAvailable of /proc/meminfo) and the control groups of a process, the one that leaves
// least.
MemoryLeft memory_left(pid_t pid);

}  // namespace heapglass
