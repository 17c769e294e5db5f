#include "platform/process/residency.h"

#include <string>

#include "platform/process/page_map.h"
#include "platform/process/page_scan.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

void add_run(Residency& out, std::uint64_t start, std::uint64_t end) {
  if (!out.runs.empty() && value(out.runs.back().start) + out.runs.back().size == start) {
    out.runs.back().size += end - start;
  } else {
    out.runs.push_back({Address{start}, end - start});
  }
}

// The present pages that are not the zero page. False where this kernel cannot.
bool scan(int page_map, Residency& out) {
  std::vector<PageRegion> regions(4096);
  PageScan scan{.size = sizeof(PageScan),
                .end = (std::uint64_t{1} << 47) - kPage,  // of user space: the kernel refuses more
                .vec = reinterpret_cast<std::uint64_t>(regions.data()),
                .vec_len = regions.size(),
                .category_inverted = kPageZero,
                .category_mask = kPagePresent | kPageZero,
                .return_mask = kPagePresent};
  while (scan.start < scan.end) {
    const int n = ioctl(page_map, kPageMapScan, &scan);
    if (n < 0) return false;
    for (int i = 0; i < n; ++i)
      add_run(out, regions[static_cast<std::size_t>(i)].start, regions[static_cast<std::size_t>(i)].end);
    // Not walk_end: kernels (6.18 is one) leave there where they filled a buffer of their own, of 512 runs,
    // although they went on from there to the end.
    if (static_cast<std::size_t>(n) < regions.size()) break;
    scan.start = regions.back().end;
  }
  return true;
}

}  // namespace

std::optional<Residency> read_residency(pid_t pid, const Mappings& mappings) {
  const PageMap pages(pid);
  if (!pages) return std::nullopt;
  Residency out;
  const std::string status = read_proc_file("/proc/" + std::to_string(pid) + "/status");
  out.rss = number_after(status, "VmRSS:") * 1024;
  out.page_tables = number_after(status, "VmPTE:") * 1024;
  out.swapped = number_after(status, "VmSwap:") * 1024;
  if (scan(pages.descriptor(), out)) return out;
  out.runs.clear();
  out.zero_pages_apart = false;
  for (const Mapping& m : mappings) {
    if (m.path.starts_with("[vvar") || m.path == "[vsyscall]") continue;  // pages of the kernel's own
    pages.each({value(m.start), value(m.end)}, [&](std::uint64_t at, std::uint64_t entry) {
      if (entry >> 63) add_run(out, at, at + kPage);
    });
  }
  return out;
}

}  // namespace heapglass
