// Bytes of a process to us, on two cores.
#pragma once

#include <chrono>
#include <vector>

#include "platform/process.h"

namespace heapglass {

struct CopyJob {
  std::uint64_t from = 0;  // in the target
  std::byte* to = nullptr;
  std::uint64_t size = 0;
};

struct CopyOutcome {
  std::uint64_t copied = 0;  // bytes
  bool complete = true;      // false: `until` came first
};

using CopyClock = std::chrono::steady_clock;

// A page that is gone by now leaves zeros and is not counted as copied. The clock is looked at every 4 MB.
CopyOutcome copy_all(const Process& process, const std::vector<CopyJob>& jobs,
                     CopyClock::time_point until = CopyClock::time_point::max());

}  // namespace heapglass
