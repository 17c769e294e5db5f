#include "platform/process/page_map.h"

#include "platform/process/page_scan.h"

namespace heapglass {
namespace {

void append(std::vector<Range>& runs, Range run) {
  if (!runs.empty() && runs.back().end == run.start) {
    runs.back().end = run.end;
  } else {
    runs.push_back(run);
  }
}

// Where the kernel's page of zeros is mapped; empty too where this kernel cannot tell.
std::vector<Range> zero_pages(const PageMap& pages, Range range) {
  std::vector<Range> found;
  std::vector<PageRegion> regions(4096);
  PageScan scan{.size = sizeof(PageScan),
                .start = range.start,
                .end = range.end,
                .vec = reinterpret_cast<std::uint64_t>(regions.data()),
                .vec_len = regions.size(),
                .category_mask = kPageZero,
                .return_mask = kPageZero};
  while (scan.start < scan.end) {
    const int n = ioctl(pages.descriptor(), kPageMapScan, &scan);
    if (n <= 0) break;
    for (int i = 0; i < n; ++i) {
      const PageRegion& region = regions[static_cast<std::size_t>(i)];
      append(found, {region.start, region.end});
    }
    // Not walk_end, which kernels (6.18 is one) leave where their own buffer was full.
    if (static_cast<std::size_t>(n) < regions.size()) break;
    scan.start = regions.back().end;
  }
  return found;
}

std::vector<Range> without(const std::vector<Range>& runs, const std::vector<Range>& left_out) {
  std::vector<Range> rest;
  for (const Range& run : runs) {
    std::vector<Range> within;
    each_within(left_out, run, [&](Range out) {
      within.push_back({std::max(out.start, run.start), std::min(out.end, run.end)});
    });
    for (const Range& gap : gaps_of(within, run)) rest.push_back(gap);
  }
  return rest;
}

}  // namespace

std::vector<Range> runs_with_content(const PageMap& pages, Range range, bool* shared) {
  std::uint64_t first = range.end, last = range.start, shared_or_zeros = 0;
  const std::vector<Range> runs =
      page_runs(pages, range, PageMap::has_page, [&](std::uint64_t at, std::uint64_t entry) {
        if (!PageMap::is_shared_or_zeros(entry)) return;
        first = std::min(first, at);
        last = std::max(last, at + kPage);
        ++shared_or_zeros;
      });
  if (!pages && shared) *shared = true;
  if (shared_or_zeros == 0) return runs;
  const std::vector<Range> zeros = zero_pages(pages, {first, last});
  for (const Range& run : zeros) shared_or_zeros -= std::min(shared_or_zeros, run.size() / kPage);
  if (shared && shared_or_zeros > 0) *shared = true;
  return without(runs, zeros);
}

}  // namespace heapglass
