// Bytes of a process to us, on two cores, so that the process shares with others what it shared before.
#pragma once

#include <chrono>
#include <vector>

#include "platform/process/page_map.h"
#include "platform/process/process.h"

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

// Which of the kernel's two ways reads a page. process_vm_readv is the faster by half, but pins the page,
// which gives the process a copy of its own of what it shares with its parent or children.
enum class CopyBy {
  kPinning,     // process_vm_readv for all: it is known that nothing is shared
  kPageMap,     // process_vm_readv for pages of this process alone, by its page map of that moment: it is
                // stopped
  kMemoryFile,  // /proc/PID/mem for all: it runs, and may fork between a look at its page map and the read
};

struct CopyOptions {
  CopyClock::time_point until = CopyClock::time_point::max();
  CopyBy by = CopyBy::kPageMap;
  bool urgent = false;  // leave no processor time to others meanwhile
};

// A page that is gone by now leaves zeros and is not counted as copied. The clock is looked at every 2 MB.
// `pages` is the page map of `process`; without one all is read by /proc/PID/mem.
CopyOutcome copy_all(const Process& process, const PageMap& pages, const std::vector<CopyJob>& jobs,
                     const CopyOptions& options = {});

}  // namespace heapglass
