#include "platform/copying/dirty_tracker.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/base/parallel.h"
#include "platform/copying/capture_plan.h"
#include "platform/process/page_scan.h"
#include "platform/process/proc_text.h"

namespace heapglass {
namespace {

// include/uapi/linux/userfaultfd.h; newer than some headers are.
constexpr std::uint64_t kPagefaultFlagWp = 1 << 0, kWpUnpopulated = 1 << 13, kWpAsync = 1 << 15;
constexpr std::uint64_t kFeatures = kPagefaultFlagWp | kWpUnpopulated | kWpAsync;
using Region = PageRegion;
using Scan = PageScan;
constexpr std::uint64_t kProtect = 1, kOnlyWatched = 2;  // flags
constexpr std::uint64_t kWatched = kPageWpAllowed, kWritten = kPageWritten, kPresent = kPagePresent,
                        kSwapped = kPageSwapped;  // categories
constexpr std::uint64_t kPiece = 4u << 20;        // of what is let go at a time
constexpr std::size_t kMapsToSpare = 16;
constexpr std::size_t kRegions = 1 << 15, kFewRegions = 64;
constexpr std::uint64_t kBlock = 2u << 20;     // of memory that one page table of the last level tells of
constexpr std::uint64_t kAtOnce = 128u << 20;  // of memory that one processor looks at
// Runs of written pages in that much memory, from which on it costs less to look at every page closely.
constexpr std::size_t kManyRuns = 256;

// Room for what a scan tells, used again and again: threads come and go with every look, and memory that is
// got and touched for the first time while the target is held is time of the target's.
class RegionsRoom {
 public:
  RegionsRoom() {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) {
      regions_.reset(new Region[kRegions]);
      spare_.reserve(++made_);  // so that giving it back needs no memory
    } else {
      regions_ = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  ~RegionsRoom() {
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(regions_));
  }
  RegionsRoom(const RegionsRoom&) = delete;
  RegionsRoom& operator=(const RegionsRoom&) = delete;
  Region* get() const { return regions_.get(); }

 private:
  static inline std::mutex mutex_;
  static inline std::vector<std::unique_ptr<Region[]>> spare_;
  static inline std::size_t made_ = 0;
  std::unique_ptr<Region[]> regions_;
};

// Calls visit(region) for every run of pages that have `wanted`, and are there where `any_of` does not say
// something else. The errno where it fails.
template <class Visit>
int scan(int page_map, Range range, std::uint64_t flags, std::uint64_t wanted, std::uint64_t told,
         std::uint64_t most_pages, Visit visit, std::uint64_t any_of = kPresent | kSwapped) {
  const RegionsRoom room;
  const Region* const regions = room.get();
  for (std::uint64_t at = range.start; at < range.end;) {
    Scan s{};
    s.size = sizeof s;
    s.flags = flags;
    s.start = at;
    s.end = range.end;
    s.vec = reinterpret_cast<std::uint64_t>(regions);
    // The kernel makes a buffer for as many, 512 at most, which takes longer than to look at a page.
    s.vec_len = range.size() / kPage < kFewRegions ? kFewRegions : kRegions;
    s.max_pages = most_pages;
    s.category_mask = wanted;
    s.category_anyof_mask = any_of;
    s.return_mask = told;
    const int n = ioctl(page_map, kPageMapScan, &s);
    if (n < 0) return errno;
    for (int i = 0; i < n; ++i) visit(regions[static_cast<std::size_t>(i)]);
    // Not walk_end: with more than 512 runs that is where the kernel's own buffer was full the last time,
    // though it went on to the end (do_pagemap_scan sets it only where it is still 0; Linux 6.18).
    if (most_pages || n == 0 || static_cast<std::size_t>(n) < s.vec_len) return 0;
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

// Whether as many more mappings would still be below what a process may have.
bool has_room_for_mappings(pid_t pid, std::size_t more) {
  const std::string maps = read_proc_file("/proc/" + std::to_string(pid) + "/maps");
  const auto most = std::strtoull(read_proc_file("/proc/sys/vm/max_map_count").c_str(), nullptr, 10);
  return static_cast<std::size_t>(std::count(maps.begin(), maps.end(), '\n')) + more < most;
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

bool pagemap_scan_handles_swap() {
  static const bool exact = [] {
    constexpr int kGuard = 102;  // MADV_GUARD_INSTALL, Linux 6.13: an entry of a page that is not there
    const FileDescriptor page_map = open_page_map("self");
    void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    const auto at = reinterpret_cast<std::uint64_t>(page);
    bool told = false;
    if (page_map && madvise(page, kPage, kGuard) == 0)
      scan(
          page_map.get(), {at, at + kPage}, 0, kWritten, kWritten, 0, [&](const Region&) { told = true; }, 0);
    munmap(page, kPage);
    return told;
  }();
  return exact;
}

DirtyTracker::DirtyTracker(pid_t pid, FileDescriptor userfaultfd, bool exact)
    : pid_(pid),
      userfaultfd_(std::move(userfaultfd)),
      page_map_(open_page_map(std::to_string(pid))),
      exact_(exact) {
  if (!enable(userfaultfd_.get()) || !page_map_)
    throw FreezeModeUnavailable(ErrorKind::kUnreachable,
                                "its writes cannot be tracked: " + std::string(std::strerror(errno)));
}

// Closing the userfaultfd lets go of it all at once, and meanwhile whoever maps or unmaps memory waits: 115
// ms at 4 GB, 5 ms where it is let go piece by piece (Linux 6.18, two cores). A mapping is two for that time.
DirtyTracker::~DirtyTracker() {
  const bool can_be_cut = has_room_for_mappings(pid_, kMapsToSpare);
  for (const auto& [start, end] : watched_) {
    if (!can_be_cut) {
      unprotect({start, end});
      continue;
    }
    for (std::uint64_t at = start; at < end; at += kPiece) {
      uffdio_range piece{at, std::min(kPiece, end - at)};
      ioctl(userfaultfd_.get(), UFFDIO_UNREGISTER, &piece);  // fails where it has gone meanwhile
    }
  }
}

bool DirtyTracker::add_watched(Range mapping) {
  bool is_new = true;
  auto at = watched_.upper_bound(mapping.start);
  if (at != watched_.begin() && std::prev(at)->second > mapping.start) --at;
  while (at != watched_.end() && at->first < mapping.end) {
    is_new = false;
    mapping = {std::min(mapping.start, at->first), std::max(mapping.end, at->second)};
    at = watched_.erase(at);
  }
  watched_.emplace(mapping.start, mapping.end);
  return is_new;
}

void DirtyTracker::unprotect(Range range) const {
  for (std::uint64_t at = range.start; at < range.end; at += kPiece) {
    uffdio_writeprotect off{};
    off.range = {at, std::min(kPiece, range.end - at)};
    ioctl(userfaultfd_.get(), UFFDIO_WRITEPROTECT, &off);  // fails where it has gone meanwhile
  }
}

// By what is found, not by what is refused: a mapping may have gone since it was listed.
bool DirtyTracker::watched_by_another(Range mapping) const {
  bool found = false;
  scan(
      page_map_.get(), mapping, 0, kWatched, kWatched, 1, [&](const Region&) { found = true; }, 0);
  return found;
}

std::vector<Range> DirtyTracker::take(Range mapping) {
  std::vector<Range> runs;
  const auto visit = [&](const Region& r) { add(runs, r); };
  if (scan(page_map_.get(), mapping, kProtect | kOnlyWatched, kWritten, kWritten, 0, visit) == 0) {
    if (const auto empty = unverified_empty_.find(mapping.start); empty != unverified_empty_.end()) {
      for (const Range& run : empty->second) scan(page_map_.get(), run, 0, kPresent, kPresent, 0, visit);
      unverified_empty_.erase(empty);
    }
  } else {
    // New since the last time, or new in part: then all of it is taken as written.
    runs.clear();
    if (!watch(userfaultfd_.get(), mapping)) return {};
    // What is empty in one that was watched before has been emptied perhaps, and that has to be told.
    const bool is_new = add_watched(mapping);
    if (!is_new) unprotect(mapping);  // or what was protected while it was empty looks as if it was there
    if (scan(page_map_.get(), mapping, kProtect | kOnlyWatched, 0, kWatched, 0, visit) != 0) {
      runs.clear();
    } else if (is_new) {
      protect_empty(mapping, runs);
    }
  }
  for (const Range& run : runs)
    for (std::uint64_t block = run.start / kBlock; block <= (run.end - 1) / kBlock; ++block)
      witness_page_.try_emplace(block, std::max(run.start, block * kBlock));
  return runs;
}

// What is not there, where there is a page table, and then whatever comes there is written. Some was written
// since the rest was protected; it is protected now, and told. An entry cannot be told from that of a page
// that is being moved at this moment: they are looked at once more at the next take.
void DirtyTracker::protect_empty(Range mapping, std::vector<Range>& runs) {
  std::vector<Range> protected_now;
  scan(
      page_map_.get(), mapping, kProtect | kOnlyWatched, kWritten, kWritten, 0,
      [&](const Region& r) { add(protected_now, r); }, 0);
  const bool swaps =
      number_after(read_proc_file("/proc/" + std::to_string(pid_) + "/status"), "VmSwap:") != 0;
  for (const Range& run : protected_now)
    scan(
        page_map_.get(), run, 0, 0, kPresent, 0, [&](const Region& r) { add(runs, r); },
        swaps ? kPresent | kSwapped : kPresent);
  unverified_empty_[mapping.start] = std::move(protected_now);
}

void DirtyTracker::look_closely(Range piece, Pages& pages) const {
  std::vector<Range> there;
  const int error = scan(page_map_.get(), piece, 0, 0, kWatched | kWritten, 0, [&](const Region& r) {
    add(there, r);
    if (r.categories != kWatched) add(pages.written, r);
  });
  if (error != 0)
    throw FreezeModeUnavailable(ErrorKind::kUnreachable,
                                "what it has written cannot be told: " + std::string(std::strerror(error)));
  for (const Range& gap : gaps_of(there, piece)) pages.vanished.push_back(gap);
}

bool DirtyTracker::has_page_table(std::uint64_t page) const {
  bool found = false;
  scan(page_map_.get(), {page, page + kPage}, 0, 0, kWatched, 1, [&](const Region&) { found = true; });
  return found;
}

// Asked for nothing but what is written the kernel takes a tenth of the time (fs/proc/task_mmu.c,
// pagemap_scan_pmd_entry). Then it tells of every page that is not protected, those that are not there
// included, where there is a page table.
std::vector<Range> DirtyTracker::unprotected(Range piece, int& error) const {
  std::vector<Range> runs;
  error = scan(
      page_map_.get(), piece, 0, kWritten, kWritten, 0, [&](const Region& r) { add(runs, r); }, 0);
  if (exact_ || error != 0) return runs;
  std::vector<Range> elsewhere;
  error = scan(page_map_.get(), piece, 0, kWritten, kWritten, 0, [&](const Region& r) { add(elsewhere, r); });
  std::vector<Range> both;
  std::merge(runs.begin(), runs.end(), elsewhere.begin(), elsewhere.end(), std::back_inserter(both),
             [](const Range& a, const Range& b) { return a.start < b.start; });
  runs.clear();
  for (const Range& run : both)
    if (!runs.empty() && run.start <= runs.back().end) {
      runs.back().end = std::max(runs.back().end, run.end);
    } else {
      runs.push_back(run);
    }
  return runs;
}

// Where there is no page table nothing is told. There still is one where a page is there that was before, of
// which a whole piece is asked at once.
void DirtyTracker::find_lost_tables(Range piece, const std::vector<Range>& unprotected, Pages& pages) const {
  std::vector<Range> blocks;
  std::vector<void*> asked;
  auto run = unprotected.begin();
  for (auto block = witness_page_.lower_bound(piece.start / kBlock);
       block != witness_page_.end() && block->first * kBlock < piece.end; ++block) {
    const Range here{std::max(piece.start, block->first * kBlock),
                     std::min(piece.end, (block->first + 1) * kBlock)};
    while (run != unprotected.end() && run->end <= here.start) ++run;
    if (run != unprotected.end() && run->start < here.end) continue;
    blocks.push_back(here);
    // In a block that is cut by the end of its mapping the page may be another mapping's.
    const bool of_here = block->second >= here.start && block->second < here.end;
    asked.push_back(reinterpret_cast<void*>(of_here ? block->second : here.start));
  }
  if (blocks.empty()) return;
  std::vector<int> nodes(blocks.size(), -ENOENT);
  // man 2 move_pages: without nodes to move to it only tells where the pages are.
  if (syscall(SYS_move_pages, pid_, asked.size(), asked.data(), nullptr, nodes.data(), 0) != 0)
    std::fill(nodes.begin(), nodes.end(), -ENOENT);
  const std::size_t before = pages.vanished.size();
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (nodes[i] < 0 && !has_page_table(blocks[i].start)) pages.vanished.push_back(blocks[i]);
  if (pages.vanished.size() > before)
    std::sort(pages.vanished.begin(), pages.vanished.end(),
              [](const Range& a, const Range& b) { return a.start < b.start; });
}

void DirtyTracker::look_at(Range piece, Pages& pages) const {
  int error = 0;
  const std::vector<Range> runs = unprotected(piece, error);
  if (error != 0 || runs.size() > kManyRuns) return look_closely(piece, pages);
  for (const Range& run : runs) look_closely(run, pages);
  find_lost_tables(piece, runs, pages);
}

DirtyTracker::Pages DirtyTracker::look(const std::vector<Range>& mappings,
                                       const std::function<void()>& beside) const {
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
    beside();
    for (std::size_t i = 0; i < pieces.size(); ++i) look_at(pieces[i], found[i]);
  } else {
    parallel_for(pieces.size() + 1, [&](std::size_t i, unsigned) {
      if (i == 0) return beside();
      look_at(pieces[i - 1], found[i - 1]);
    });
  }
  Pages all;
  for (const Pages& each : found) {
    all.written.insert(all.written.end(), each.written.begin(), each.written.end());
    all.vanished.insert(all.vanished.end(), each.vanished.begin(), each.vanished.end());
  }
  return all;
}

}  // namespace heapglass
