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

inline std::uint64_t bytes_of(const std::vector<CopyJob>& jobs) {
  std::uint64_t bytes = 0;
  for (const CopyJob& job : jobs) bytes += job.size;
  return bytes;
}

struct CopyOutcome {
  std::uint64_t copied = 0;  // bytes
  bool complete = true;      // false: `until` came first
};

using CopyClock = std::chrono::steady_clock;

// process_vm_readv is faster, but takes every page of a child that is shared with its parent as if it were to
// be written, so that the kernel copies it.
enum class CopyBy { kProcessRead, kMemoryFile };

// A page that is gone by now leaves zeros and is not counted as copied. The clock is looked at every 4 MB.
CopyOutcome copy_all(const Process& process, const std::vector<CopyJob>& jobs,
                     CopyClock::time_point until = CopyClock::time_point::max(),
                     CopyBy by = CopyBy::kProcessRead);

}  // namespace heapglass
