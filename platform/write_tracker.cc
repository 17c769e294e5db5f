#include "platform/write_tracker.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

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

// Calls visit(region) for every run of pages that are there, and have `wanted`. The errno where it fails.
template <class Visit>
int scan(int page_map, Range range, std::uint64_t flags, std::uint64_t wanted, std::uint64_t told,
         std::uint64_t most_pages, Visit visit) {
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
    s.category_anyof_mask = kPresent | kSwapped;
    s.return_mask = told;
    const int n = ioctl(page_map, kPagemapScan, &s);
    if (n < 0) return errno;
    for (int i = 0; i < n; ++i) visit(regions[static_cast<std::size_t>(i)]);
    if (most_pages || s.walk_end <= at) return 0;
    at = s.walk_end;
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

bool WriteTracker::watched_by_another(Range mapping) const {
  return scan(page_map_.get(), mapping, kOnlyWatched, 0, kWatched, 1, [](const Region&) {}) != EPERM;
}

std::vector<Range> WriteTracker::take(Range mapping) {
  std::vector<Range> runs;
  const auto visit = [&](const Region& r) { add(runs, r); };
  if (scan(page_map_.get(), mapping, kProtect | kOnlyWatched, kWritten, kWritten, 0, visit) == 0) return runs;
  // New since the last time, or new in part: then all of it is taken as written.
  runs.clear();
  if (!watch(userfaultfd_.get(), mapping)) return {};
  watched_.push_back(mapping);
  if (scan(page_map_.get(), mapping, kProtect | kOnlyWatched, 0, kWatched, 0, visit) != 0) runs.clear();
  return runs;
}

WriteTracker::Pages WriteTracker::look(Range mapping) const {
  Pages pages;
  const int error = scan(page_map_.get(), mapping, 0, 0, kWatched | kWritten, 0, [&](const Region& r) {
    add(pages.there, r);
    if (r.categories != kWatched) add(pages.written, r);
  });
  if (error != 0)
    throw CannotHoldThisWay(ErrorKind::kUnreachable,
                            "what it has written cannot be told: " + std::string(std::strerror(error)));
  return pages;
}

}  // namespace heapglass
