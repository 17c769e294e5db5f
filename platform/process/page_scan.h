// The PAGEMAP_SCAN request to /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst, Linux 6.7), which
// the headers of Debian 12 do not have.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace heapglass {

struct PageRegion {
  std::uint64_t start, end, categories;
};
struct PageScan {
  std::uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  std::uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
constexpr unsigned long kPageMapScan = _IOWR('f', 16, PageScan);

// Categories of a page.
constexpr std::uint64_t kPageWpAllowed = 1 << 0, kPageWritten = 1 << 1, kPagePresent = 1 << 3,
                        kPageSwapped = 1 << 4,
                        kPageZero = 1 << 5;  // the kernel's page of zeros

}  // namespace heapglass
