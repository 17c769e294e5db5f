#include "platform/process/residency.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>

#include "platform/process/page_map.h"
#include "platform/process/page_scan.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

void add_run(std::vector<Residency::Run>& runs, std::uint64_t start, std::uint64_t end) {
  if (!runs.empty() && value(runs.back().start) + runs.back().size == start) {
    runs.back().size += end - start;
  } else {
    runs.push_back({Address{start}, end - start});
  }
}

void read_written(const PageMap& pages, const Mappings& mappings, Residency& out) {
  for (const Mapping& m : mappings) {
    if (!m.has_file() || m.shared) continue;
    pages.each({value(m.start), value(m.end)}, [&](std::uint64_t at, std::uint64_t entry) {
      if (PageMap::is_present(entry) && PageMap::is_private_copy(entry)) add_run(out.written, at, at + kPage);
    });
  }
}

// A line of /proc/PID/mountinfo: "36 35 98:0 /root /mnt rw shared:1 - ext4 /dev/root rw".
void read_disks(pid_t pid, const Mappings& mappings, Residency& out) {
  if (std::none_of(mappings.begin(), mappings.end(), [](const Mapping& m) { return m.shared && m.deleted; }))
    return;
  std::istringstream mounts(read_proc_file("/proc/" + std::to_string(pid) + "/mountinfo"));
  for (std::string line; std::getline(mounts, line);) {
    unsigned major_number = 0, minor_number = 0;
    if (std::sscanf(line.c_str(), "%*u %*u %u:%u", &major_number, &minor_number) != 2) continue;
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::string type = line.substr(dash + 3, line.find(' ', dash + 3) - dash - 3);
    if (type != "tmpfs" && type != "ramfs" && type != "hugetlbfs" && type != "devtmpfs")
      out.disks.push_back(makedev(major_number, minor_number));
  }
  std::sort(out.disks.begin(), out.disks.end());
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
      add_run(out.runs, regions[static_cast<std::size_t>(i)].start, regions[static_cast<std::size_t>(i)].end);
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
  read_written(pages, mappings, out);
  read_disks(pid, mappings, out);
  if (scan(pages.descriptor(), out)) return out;
  out.runs.clear();
  out.zero_pages_apart = false;
  for (const Mapping& m : mappings) {
    if (m.path.starts_with("[vvar") || m.path == "[vsyscall]") continue;  // pages of the kernel's own
    pages.each({value(m.start), value(m.end)}, [&](std::uint64_t at, std::uint64_t entry) {
      if (entry >> 63) add_run(out.runs, at, at + kPage);
    });
  }
  return out;
}

}  // namespace heapglass
