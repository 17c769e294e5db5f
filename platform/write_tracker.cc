#include "platform/write_tracker.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "lib/base/parallel.h"
#include "platform/freeze_way.h"

namespace heapglass {
namespace {

// include/uapi/linux/userfaultfd.h, include/uapi/linux/fs.h; newer than some headers are.
constexpr std::uint64_t kPagefaultFlagWp = 1 << 0, kWpUnpopulated = 1 << 13, kWpAsync = 1 << 15;
constexpr std::uint64_t kFeatures = kPagefaultFlagWp | kWpUnpopulated | kWpAsync;
struct Region {
  std::uint64_t start, end, categories;
};
struct Scan {
  std::uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask,
      category_anyof_mask, return_mask;
};
constexpr unsigned long kPagemapScan = _IOWR('f', 16, Scan);
constexpr std::uint64_t kProtect = 1, kOnlyWatched = 2;                           // flags
constexpr std::uint64_t kWatched = 1, kWritten = 2, kPresent = 8, kSwapped = 16;  // categories
constexpr std::uint64_t kPiece = 4u << 20;  // of what is unprotected at a time
constexpr std::size_t kRegions = 1 << 15;
constexpr std::uint64_t kBlock = 2u << 20;     // of memory that one page table of the last level tells of
constexpr std::uint64_t kAtOnce = 128u << 20;  // of memory that one processor looks at
// Runs of written pages in that much memory, from which on it costs less to look at every page closely.
constexpr std::size_t kManyRuns = 256;

// Calls visit(region) for every run of pages that have `wanted`, and are there where `any_of` does not say
// something else. The errno where it fails.
template <class Visit>
int scan(int page_map, Range range, std::uint64_t flags, std::uint64_t wanted, std::uint64_t told,
         std::uint64_t most_pages, Visit visit, std::uint64_t any_of = kPresent | kSwapped) {
  static thread_local const std::unique_ptr<Region[]> regions(new Region[kRegions]);
  for (std::uint64_t at = range.start; at < range.end;) {
    Scan s{};
    s.size = sizeof s;
    s.flags = flags;
    s.start = at;
    s.end = range.end;
    s.vec = reinterpret_cast<std::uint64_t>(regions.get());
    s.vec_len = kRegions;
    s.max_pages = most_pages;
    s.category_mask = wanted;
    s.category_anyof_mask = any_of;
    s.return_mask = told;
    const int n = ioctl(page_map, kPagemapScan, &s);
    if (n < 0) return errno;
    for (int i = 0; i < n; ++i) visit(regions[static_cast<std::size_t>(i)]);
    // Not walk_end: with more than 512 runs that is where the kernel's own buffer was full the last time,
    // though it went on to the end (do_pagemap_scan sets it only where it is still 0; Linux 6.18).
    if (most_pages || n == 0 || static_cast<std::size_t>(n) < kRegions) return 0;
    at = regions[static_cast<std::size_t>(n) - 1].end;
  }
  return 0;
}

void add(std::vector<Range>& runs, const Region& r) {
  if (!runs.empty() && runs.back().end == r.start) {
    runs.back().end = r.end;
  } else {
    runs.push_back({r.start, r.end});
  }
}

bool enable(int userfaultfd) {
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = kFeatures;
  return ioctl(userfaultfd, UFFDIO_API, &api) == 0;
}

bool watch(int userfaultfd, Range range) {
  uffdio_register request{};
  request.range = {range.start, range.size()};
  request.mode = UFFDIO_REGISTER_MODE_WP;
  return ioctl(userfaultfd, UFFDIO_REGISTER, &request) == 0;
}

FileDescriptor open_page_map(const std::string& process) {
  return FileDescriptor(::open(("/proc/" + process + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

std::string why_no_write_tracking() {
  const FileDescriptor own(static_cast<int>(syscall(SYS_userfaultfd, kUserfaultfdFlags)));
  if (!own) return "userfaultfd is refused: " + std::string(std::strerror(errno));
  if (!enable(own.get())) return "this kernel cannot track writes without holding who writes (Linux 6.7 can)";
  const FileDescriptor page_map = open_page_map("self");
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return "there is no memory";
  *static_cast<volatile char*>(page) = 1;
  const auto at = reinterpret_cast<std::uint64_t>(page);
  const Range range{at, at + kPage};
  const bool works =
      page_map && watch(own.get(), range) &&
      scan(page_map.get(), range, kProtect | kOnlyWatched, kWritten, kWritten, 0, [](const Region&) {}) == 0;
  munmap(page, kPage);
  return works ? "" : "PAGEMAP_SCAN is refused: " + std::string(std::strerror(errno));
}

WriteTracker::WriteTracker(pid_t pid, FileDescriptor userfaultfd)
    : userfaultfd_(std::move(userfaultfd)), page_map_(open_page_map(std::to_string(pid))) {
  if (!enable(userfaultfd_.get()) || !page_map_)
    throw CannotHoldThisWay(ErrorKind::kUnreachable,
                            "its writes cannot be tracked: " + std::string(std::strerror(errno)));
}

WriteTracker::~WriteTracker() {
  for (const Range& range : watched_) {
    for (std::uint64_t at = range.start; at < range.end; at += kPiece) {
      uffdio_writeprotect off{};
      off.range = {at, std::min(kPiece, range.end - at)};
      ioctl(userfaultfd_.get(), UFFDIO_WRITEPROTECT, &off);  // fails where it has gone meanwhile
    }
  }
}

// By what is found, not by what is refused: a mapping may have gone since it was listed.
bool WriteTracker::watched_by_another(Range mapping) const {
  bool found = false;
  scan(
      page_map_.get(), mapping, 0, kWatched, kWatched, 1, [&](const Region&) { found = true; }, 0);
  return found;
}

std::vector<Range> WriteTracker::take(Range mapping) {
  std::vector<Range> runs;
  const auto visit = [&](const Region& r) { add(runs, r); };
  if (scan(page_map_.get(), mapping, kProtect | kOnlyWatched, kWritten, kWritten, 0, visit) != 0) {
    // New since the last time, or new in part: then all of it is taken as written.
    runs.clear();
    if (!watch(userfaultfd_.get(), mapping)) return {};
    watched_.push_back(mapping);
    if (scan(page_map_.get(), mapping, kProtect | kOnlyWatched, 0, kWatched, 0, visit) != 0) runs.clear();
  }
  std::uint64_t next = 0;
  for (const Range& run : runs)
    for (next = std::max(next, run.start / kBlock); next <= (run.end - 1) / kBlock; ++next)
      blocks_.insert(next);
  return runs;
}

void WriteTracker::look_closely(Range piece, Pages& pages) const {
  std::vector<Range> there;
  const int error = scan(page_map_.get(), piece, 0, 0, kWatched | kWritten, 0, [&](const Region& r) {
    add(there, r);
    if (r.categories != kWatched) add(pages.written, r);
  });
  if (error != 0)
    throw CannotHoldThisWay(ErrorKind::kUnreachable,
                            "what it has written cannot be told: " + std::string(std::strerror(error)));
  for (const Range& gap : gaps_of(there, piece)) pages.vanished.push_back(gap);
}

bool WriteTracker::has_page_table(std::uint64_t page) const {
  bool found = false;
  scan(page_map_.get(), {page, page + kPage}, 0, 0, kWatched, 1, [&](const Region&) { found = true; });
  return found;
}

// Asked for nothing but what is written the kernel takes a tenth of the time (fs/proc/task_mmu.c,
// pagemap_scan_pmd_entry). Then it tells of every page that is not protected, those that are not there
// included, where there is a page table. Where there is none it tells nothing: a page of each of those that
// had some says whether there still is.
void WriteTracker::look_at(Range piece, Pages& pages) const {
  std::vector<Range> unprotected;
  const int error = scan(
      page_map_.get(), piece, 0, kWritten, kWritten, 0, [&](const Region& r) { add(unprotected, r); }, 0);
  if (error != 0 || unprotected.size() > kManyRuns) return look_closely(piece, pages);
  for (const Range& run : unprotected) look_closely(run, pages);
  auto run = unprotected.begin();
  const std::size_t before = pages.vanished.size();
  for (auto block = blocks_.lower_bound(piece.start / kBlock);
       block != blocks_.end() && *block * kBlock < piece.end; ++block) {
    const Range here{std::max(piece.start, *block * kBlock), std::min(piece.end, (*block + 1) * kBlock)};
    while (run != unprotected.end() && run->end <= here.start) ++run;
    const bool known = run != unprotected.end() && run->start <= here.start;
    const std::uint64_t page = known ? run->end : here.start;
    if (page < here.end && !has_page_table(page)) pages.vanished.push_back(here);
  }
  if (pages.vanished.size() > before)
    std::sort(pages.vanished.begin(), pages.vanished.end(),
              [](const Range& a, const Range& b) { return a.start < b.start; });
}

WriteTracker::Pages WriteTracker::look(const std::vector<Range>& mappings) const {
  std::vector<Range> pieces;
  for (const Range& m : mappings)
    for (std::uint64_t at = m.start; at < m.end;) {
      const std::uint64_t end = std::min(m.end, (at / kAtOnce + 1) * kAtOnce);
      pieces.push_back({at, end});
      at = end;
    }
  std::vector<Pages> found(pieces.size());
  std::uint64_t bytes = 0;
  for (const Range& piece : pieces) bytes += piece.size();
  // Starting threads takes longer than looking at little.
  if (bytes <= kAtOnce) {
    for (std::size_t i = 0; i < pieces.size(); ++i) look_at(pieces[i], found[i]);
  } else {
    parallel_for(pieces.size(), [&](std::size_t i, unsigned) { look_at(pieces[i], found[i]); });
  }
  Pages all;
  for (const Pages& each : found) {
    all.written.insert(all.written.end(), each.written.begin(), each.written.end());
    all.vanished.insert(all.vanished.end(), each.vanished.begin(), each.vanished.end());
  }
  return all;
}

}  // namespace heapglass
