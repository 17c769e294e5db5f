// Which pages of a process are in memory, and what the kernel counts them as.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/address.h"

namespace heapglass {

struct Residency {
  struct Run {
    Address start{};
    std::uint64_t size = 0;  // bytes, whole pages
  };
  std::vector<Run> runs;  // resident pages in order of address, neighbours joined; not overlapping
  // As the kernel counted at that moment, in bytes; what it does not tell is 0.
  std::uint64_t rss = 0;
  std::uint64_t page_tables = 0;  // in the kernel, for this process: not part of its RSS
  std::uint64_t swapped = 0;
  // The shared page of zeros, which reading fresh memory gives and RSS does not count, is told apart. Kernels
  // before 6.7 cannot.
  bool zero_pages_apart = true;
  // Pages of private mappings of files that the process has written or the loader relocated, in order, not
  // overlapping: anonymous memory, which no file has and the system can only swap out.
  std::vector<Run> written;
  // st_dev of the file systems that are mounted where the process is and do not keep their files in memory,
  // ascending. Of a file that was unlinked nothing else tells.
  std::vector<std::uint64_t> disks;
};

}  // namespace heapglass
