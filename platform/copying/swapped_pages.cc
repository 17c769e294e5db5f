#include "platform/copying/swapped_pages.h"

#include <limits.h>

#include <algorithm>

#include "platform/copying/capture_plan.h"

namespace heapglass {

// A page whose copy in swap is still there costs nothing.
std::string page_out_again(const Process& process, const std::vector<Range>& swapped) {
  if (swapped.empty()) return "";
  std::uint64_t bytes = 0;
  std::vector<iovec> ranges;
  for (const Range& run : swapped) {
    bytes += run.size();
    ranges.push_back({reinterpret_cast<void*>(run.start), run.size()});
  }
  bool done = true;
  for (std::size_t i = 0; i < ranges.size(); i += IOV_MAX)
    done &= process.page_out(std::span(ranges).subspan(i, std::min<std::size_t>(IOV_MAX, ranges.size() - i)));
  return as_mb(bytes) + " of its memory were in swap and were read back for the copy" +
         (done ? "; the kernel was asked to page them out again"
               : ", and stay in memory: to page them out again takes CAP_SYS_NICE and Linux 5.10");
}

}  // namespace heapglass
