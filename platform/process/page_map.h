// Which pages of a process are there, by /proc/PID/pagemap.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/page.h"
#include "platform/process/process.h"
#include "platform/process/wait_limit.h"

namespace heapglass {

struct Range {
  std::uint64_t start = 0, end = 0;
  std::uint64_t size() const { return end - start; }
  bool operator==(const Range&) const = default;
};

// /proc/PID/pagemap, Documentation/admin-guide/mm/pagemap.rst: bit 63 present, 62 swapped, 61 file page or
// shared memory, 56 mapped by this process alone.
class PageMap {
 public:
  explicit PageMap(pid_t pid)
      : fd_(::open(("/proc/" + std::to_string(pid) + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC)) {}
  explicit operator bool() const { return static_cast<bool>(fd_); }
  int descriptor() const { return fd_.get(); }

  // Calls visit(page address, entry) for every page of the range.
  template <class Visit>
  void each(Range range, Visit visit) const {
    std::vector<std::uint64_t> entries(std::min<std::uint64_t>(range.size() / kPage, 1 << 16));
    for (std::uint64_t at = range.start; at < range.end;) {
      const std::uint64_t want = std::min<std::uint64_t>((range.end - at) / kPage, entries.size());
      const WaitLimit limit(WaitLimit::kRead);
      const ssize_t got = pread(fd_.get(), entries.data(), want * 8, static_cast<off_t>(at / kPage * 8));
      if (got <= 0) return;
      const std::uint64_t n = static_cast<std::uint64_t>(got) / 8;
      for (std::uint64_t i = 0; i < n; ++i) visit(at + i * kPage, entries[i]);
      at += n * kPage;
      if (n == 0) return;
    }
  }
  static bool has_page(std::uint64_t entry) { return entry >> 62 != 0; }
  static bool is_private_copy(std::uint64_t entry) { return has_page(entry) && !(entry >> 61 & 1); }
  static bool is_present(std::uint64_t entry) { return entry >> 63 != 0; }
  static bool is_swapped(std::uint64_t entry) { return entry >> 62 == 1; }
  // Whether pinning the page (process_vm_readv, vmsplice, O_DIRECT) leaves it as it is. The kernel gives the
  // process a copy of its own of an anonymous page that others map too (mm/gup.c, gup_must_unshare; Linux
  // 5.19), and brings a swapped one in.
  static bool can_be_pinned(std::uint64_t entry) {
    return is_present(entry) && ((entry >> 56 & 1) || (entry >> 61 & 1));
  }
  // Either a page that others map too, or the kernel's page of zeros, which the entry does not tell apart.
  static bool is_shared_or_zeros(std::uint64_t entry) { return is_present(entry) && !can_be_pinned(entry); }

 private:
  FileDescriptor fd_;
};

// The pages of `range` for which `wanted` holds, as runs. Calls also(page address, entry) for every page.
template <class Wanted, class Also>
std::vector<Range> page_runs(const PageMap& pages, Range range, Wanted wanted, Also also) {
  std::vector<Range> runs;
  if (!pages) return {range};  // no page map (hidden by a container): read everything
  pages.each(range, [&](std::uint64_t at, std::uint64_t entry) {
    also(at, entry);
    if (!wanted(entry)) return;
    if (!runs.empty() && runs.back().end == at) {
      runs.back().end += kPage;
    } else {
      runs.push_back({at, at + kPage});
    }
  });
  return runs;
}
template <class Wanted>
std::vector<Range> page_runs(const PageMap& pages, Range range, Wanted wanted) {
  return page_runs(pages, range, wanted, [](std::uint64_t, std::uint64_t) {});
}

// The pages of `range` that have bytes of their own, as runs: neither what the process has not touched, nor
// what it has read without ever writing to it, for which the kernel maps its page of zeros. Where the kernel
// does not tell those apart (before Linux 6.7) they are among the runs. All of `range` without a page map.
// Sets `shared` where a page is, or may be, mapped by others too.
std::vector<Range> runs_with_content(const PageMap& pages, Range range, bool* shared = nullptr);

// Calls visit(run) for those of `runs`, in order, that are in `here`, be it in part.
template <class Visit>
void each_within(const std::vector<Range>& runs, Range here, Visit visit) {
  auto run = std::partition_point(runs.begin(), runs.end(),
                                  [&](const Range& each) { return each.end <= here.start; });
  for (; run != runs.end() && run->start < here.end; ++run) visit(*run);
}

// What `runs`, in order, leave of `whole`.
inline std::vector<Range> gaps_of(const std::vector<Range>& runs, Range whole) {
  std::vector<Range> gaps;
  std::uint64_t at = whole.start;
  for (const Range& run : runs) {
    if (run.start > at) gaps.push_back({at, run.start});
    at = run.end;
  }
  if (at < whole.end) gaps.push_back({at, whole.end});
  return gaps;
}

}  // namespace heapglass
