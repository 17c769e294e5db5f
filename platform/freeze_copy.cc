#include "platform/freeze_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "platform/stopped_process.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace heapglass {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kHuge = 2u << 20;
// Room on both sides of a mapping's buffer: what grows between the look and the stop stays contiguous with
// it.
constexpr std::uint64_t kSlack = 8u << 20;
constexpr std::uint64_t kLongestMapping = std::uint64_t{1} << 40;

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

struct Range {
  std::uint64_t start = 0, end = 0;
  std::uint64_t size() const { return end - start; }
};

// /proc/PID/pagemap, Documentation/admin-guide/mm/pagemap.rst: bit 63 present, 62 swapped, 61 file page or
// shared.
class PageMap {
 public:
  explicit PageMap(pid_t pid)
      : fd_(::open(("/proc/" + std::to_string(pid) + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC)) {}
  explicit operator bool() const { return static_cast<bool>(fd_); }

  // Calls visit(page address, entry) for every page of the range.
  template <class Visit>
  void each(Range range, Visit visit) const {
    std::vector<std::uint64_t> entries(std::min<std::uint64_t>(range.size() / kPage, 1 << 16));
    for (std::uint64_t at = range.start; at < range.end;) {
      const std::uint64_t want = std::min<std::uint64_t>((range.end - at) / kPage, entries.size());
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

 private:
  FileDescriptor fd_;
};

// The pages of `range` for which `wanted` holds, as runs.
template <class Wanted>
std::vector<Range> page_runs(const PageMap& pages, Range range, Wanted wanted) {
  std::vector<Range> runs;
  if (!pages) return {range};  // no page map (hidden by a container): read everything
  pages.each(range, [&](std::uint64_t at, std::uint64_t entry) {
    if (!wanted(entry)) return;
    if (!runs.empty() && runs.back().end == at) {
      runs.back().end += kPage;
    } else {
      runs.push_back({at, at + kPage});
    }
  });
  return runs;
}

std::vector<Range> gaps_of(const std::vector<Range>& runs, Range whole) {
  std::vector<Range> gaps;
  std::uint64_t at = whole.start;
  for (const Range& run : runs) {
    if (run.start > at) gaps.push_back({at, run.start});
    at = run.end;
  }
  if (at < whole.end) gaps.push_back({at, whole.end});
  return gaps;
}

// What is done with a mapping.
enum class Treatment {
  kSkip,
  kCopy,  // writable or anonymous private memory: every page it has
  kFile,  // a private view of a file: the file's bytes, and copies of the pages changed since
};

Treatment treatment(const Mapping& m) {
  if (m.shared || m.size() > kLongestMapping || value(m.end) >> 47) return Treatment::kSkip;
  if (m.path == "[vvar]" || m.path == "[vsyscall]" || m.path == "[vdso]" || m.path == "[vvar_vclock]")
    return Treatment::kSkip;
  if (!m.readable) return Treatment::kSkip;
  return m.has_file() ? Treatment::kFile : Treatment::kCopy;
}

// One planned mapping: where its bytes will stand with us.
struct Planned {
  Range range;  // in the target
  Treatment what = Treatment::kSkip;
  bool writable = false;
  std::byte* buffer = nullptr;       // of range.start
  std::byte* buffer_low = nullptr;   // slack before, included
  std::byte* buffer_high = nullptr;  // end, slack behind included
  std::vector<Range> runs;           // pages to copy in the stop
  int descriptor = -1;               // of what backs the buffer: the arena or the target's file
  std::uint64_t offset = 0;          // of range.start in it
};

// Memory in a memfd: a later step maps the same bytes elsewhere without copying them.
class Arena {
 public:
  Arena(std::uint64_t size) : size_(size) {
    fd_ = FileDescriptor(memfd_create("heapglass-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd_ || ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) fail();
    base_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd_.get(), 0);
    if (base_ == MAP_FAILED) fail();
  }
  ~Arena() { munmap(base_, size_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  std::byte* base() const { return static_cast<std::byte*>(base_); }
  int descriptor() const { return fd_.get(); }
  // From here on nobody can map it to write, nor change its size: what is mapped from it later is what was
  // captured. A kernel before 5.1 knows no such seal for a file that is mapped; the descriptor never leaves
  // us either way.
  void seal() const {
    constexpr int kFutureWrite = 0x10;  // F_SEAL_FUTURE_WRITE
    if (fcntl(fd_.get(), F_ADD_SEALS, kFutureWrite | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
      fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  }

 private:
  [[noreturn]] void fail() {
    throw Error(ErrorKind::kUnreachable,
                "cannot make room for a copy of the target's memory: " + std::string(std::strerror(errno)),
                "the copy needs about as much memory as the target has resident");
  }
  FileDescriptor fd_;
  std::uint64_t size_;
  void* base_ = nullptr;
};

void prefault(std::byte* start, std::uint64_t size) {
  // Huge pages inside (where the system allows them for memfds), then every page made now rather than in the
  // stop.
  const auto from = reinterpret_cast<std::uintptr_t>(start);
  const std::uintptr_t huge_from = (from + kHuge - 1) / kHuge * kHuge,
                       huge_to = (from + size) / kHuge * kHuge;
  if (huge_to > huge_from) madvise(reinterpret_cast<void*>(huge_from), huge_to - huge_from, MADV_HUGEPAGE);
  if (madvise(start, size, MADV_POPULATE_WRITE) != 0) {
    for (std::uint64_t i = 0; i < size; i += kPage) {
      volatile std::byte* touch = start + i;
      *touch = std::byte{0};
    }
  }
}

struct CopyJob {
  std::uint64_t from = 0;
  std::byte* to = nullptr;
  std::uint64_t size = 0;
};

// Copies what can be copied; a page that is gone by now leaves zeros and is counted.
void copy_range(const Process& process, const CopyJob* jobs, std::size_t count,
                std::atomic<std::uint64_t>& lost) {
  constexpr std::size_t kVector = 64;
  std::size_t job = 0;
  std::uint64_t offset = 0;
  while (job < count) {
    iovec local[kVector], remote[kVector];
    std::size_t n = 0;
    std::uint64_t total = 0;
    std::size_t j = job;
    std::uint64_t at = offset;
    for (; n < kVector && j < count;) {
      const std::uint64_t piece = std::min<std::uint64_t>(jobs[j].size - at, 1 << 20);
      local[n] = {jobs[j].to + at, piece};
      remote[n] = {reinterpret_cast<void*>(jobs[j].from + at), piece};
      ++n;
      total += piece;
      at += piece;
      if (at == jobs[j].size) {
        ++j;
        at = 0;
      }
    }
    ssize_t got = process_vm_readv(process.pid(), local, n, remote, n, 0);
    if (got < 0) got = 0;
    std::uint64_t done = static_cast<std::uint64_t>(got);
    if (done < total) {
      // Step over to the page that failed; /proc/PID/mem may still read it.
      std::uint64_t left = done;
      std::size_t i = 0;
      while (i < n && left >= remote[i].iov_len) left -= remote[i++].iov_len;
      const std::uint64_t address = reinterpret_cast<std::uint64_t>(remote[i].iov_base) + left;
      const std::uint64_t page_rest =
          std::min<std::uint64_t>(kPage - address % kPage, remote[i].iov_len - left);
      std::byte* to = static_cast<std::byte*>(local[i].iov_base) + left;
      if (!process.read(Address{address}, std::span(to, page_rest))) {
        std::memset(to, 0, page_rest);
        ++lost;
      }
      done += page_rest;
    }
    while (done > 0) {
      const std::uint64_t step = std::min(done, jobs[job].size - offset);
      done -= step;
      offset += step;
      if (offset == jobs[job].size) {
        ++job;
        offset = 0;
      }
    }
  }
}

void copy_all(const Process& process, const std::vector<CopyJob>& jobs, std::atomic<std::uint64_t>& lost) {
  std::uint64_t total = 0;
  for (const CopyJob& job : jobs) total += job.size;
  if (total < 4u << 20 || worker_count() < 2) {
    copy_range(process, jobs.data(), jobs.size(), lost);
    return;
  }
  // Two halves by bytes: two cores nearly double what one reaches, more gain little.
  std::vector<CopyJob> first, second;
  std::uint64_t sum = 0;
  for (const CopyJob& job : jobs) {
    const std::uint64_t room = sum < total / 2 ? std::min(job.size, total / 2 - sum) : 0;
    if (room) first.push_back({job.from, job.to, room});
    if (room < job.size) second.push_back({job.from + room, job.to + room, job.size - room});
    sum += job.size;
  }
  std::thread other([&] { copy_range(process, second.data(), second.size(), lost); });
  copy_range(process, first.data(), first.size(), lost);
  other.join();
}

}  // namespace

class FreezeCopy::Copier {
 public:
  explicit Copier(const Process& process) : process_(process), pages_(process.pid()) {}

  void plan();
  void in_stop(const Mappings& now);
  void build(Capture& capture, const std::shared_ptr<void>& owner);
  std::uint64_t bytes_copied() const { return bytes_copied_; }

 private:
  struct Piece {  // of the image to be
    Range range;
    std::byte* bytes = nullptr;
    bool heap = false;
  };
  struct Backed {  // of the capture's backing to be, decided in the stop and written down after it
    Range range;
    const Mapping* mapping = nullptr;
    int descriptor = -1;
    std::uint64_t offset = 0;
    const Planned* changed = nullptr;  // whose runs are not the file's
  };
  // The file of a mapping, opened once however many mappings it has; -1 where it cannot be had.
  int file_of(const Mapping& m);
  void plan_file(Planned& p, const Mapping& m, int file);
  void add_piece(Range range, std::byte* bytes, bool heap);

  const Process& process_;
  PageMap pages_;
  std::shared_ptr<Arena> arena_;
  std::vector<Planned> planned_;
  std::vector<std::shared_ptr<void>> file_views_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, FileDescriptor> files_;  // by device and inode
  std::vector<std::unique_ptr<Arena>> extra_;
  std::vector<Piece> pieces_;
  std::vector<Backed> backed_;
  std::uint64_t bytes_copied_ = 0;
};

int FreezeCopy::Copier::file_of(const Mapping& m) {
  const auto [at, is_new] = files_.try_emplace({m.device, m.inode});
  if (is_new) at->second = process_.open_mapped_file(m);
  return at->second.get();
}

void FreezeCopy::Copier::plan() {
  std::uint64_t cursor = 0;
  std::vector<std::uint64_t> offsets;
  const Mappings mappings = process_.mappings();
  std::vector<const Mapping*> of;
  for (const Mapping& m : mappings) {
    Planned p{.range = {value(m.start), value(m.end)}, .what = treatment(m), .writable = m.writable};
    if (p.what == Treatment::kSkip) continue;
    if (p.what == Treatment::kFile && !m.writable) {
      if (const int file = file_of(m); file >= 0) plan_file(p, m, file);
      if (p.buffer) {
        planned_.push_back(std::move(p));
        of.push_back(&m);
        offsets.push_back(0);
        continue;
      }
    }
    p.runs = page_runs(pages_, p.range, PageMap::has_page);
    // The same place in a huge page as in the target, slack before and behind.
    cursor = (cursor + kHuge - 1) / kHuge * kHuge + kSlack + p.range.start % kHuge;
    offsets.push_back(cursor);
    cursor += p.range.size() + kSlack;
    planned_.push_back(std::move(p));
    of.push_back(&m);
  }
  arena_ = std::make_shared<Arena>(cursor + kHuge);
  std::vector<std::pair<std::byte*, std::uint64_t>> to_fault;
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    Planned& p = planned_[i];
    if (p.buffer) continue;  // a view of the file
    p.buffer = arena_->base() + offsets[i];
    p.descriptor = arena_->descriptor();
    p.offset = offsets[i];
    p.buffer_low = p.buffer - kSlack;
    p.buffer_high = p.buffer + p.range.size() + kSlack;
    for (const Range& run : p.runs)
      for (std::uint64_t at = run.start; at < run.end; at += 32u << 20)
        to_fault.emplace_back(p.buffer + (at - p.range.start),
                              std::min<std::uint64_t>(run.end - at, 32u << 20));
    if (p.what == Treatment::kFile) {
      // A writable view: pages that the target has never touched are still the file's.
      if (const int file = file_of(*of[i]); file >= 0) {
        for (const Range& gap : gaps_of(p.runs, p.range)) {
          std::uint64_t done = 0;
          while (done < gap.size()) {
            const ssize_t n =
                pread(file, p.buffer + (gap.start - p.range.start) + done, gap.size() - done,
                      static_cast<off_t>(of[i]->file_offset + (gap.start - p.range.start) + done));
            if (n <= 0) break;
            done += static_cast<std::uint64_t>(n);
          }
        }
      }
    }
  }
  parallel_for(to_fault.size(),
               [&](std::size_t i, unsigned) { prefault(to_fault[i].first, to_fault[i].second); });
}

void FreezeCopy::Copier::plan_file(Planned& p, const Mapping& m, int file) {
  void* view = mmap(nullptr, p.range.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file,
                    static_cast<off_t>(m.file_offset));
  if (view == MAP_FAILED) return;
  // Beyond the file's end a view faults: cut it there.
  const off_t end = lseek(file, 0, SEEK_END);
  const std::uint64_t length = p.range.size();
  std::uint64_t backed = length;
  if (end >= 0 && static_cast<std::uint64_t>(end) < m.file_offset + length)
    backed = static_cast<std::uint64_t>(end) <= m.file_offset
                 ? 0
                 : (static_cast<std::uint64_t>(end) - m.file_offset + kPage - 1) / kPage * kPage;
  file_views_.emplace_back(view, [length](void* v) { munmap(v, length); });
  if (backed < length)
    mmap(static_cast<std::byte*>(view) + backed, length - backed, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  p.buffer = static_cast<std::byte*>(view);
  p.buffer_low = p.buffer;
  p.buffer_high = p.buffer + length;
  p.descriptor = file;
  p.offset = m.file_offset;
  // Relocated data that was made read-only, and text that somebody has patched: those pages are the target's
  // own.
  p.runs = page_runs(pages_, p.range, PageMap::is_private_copy);
  for (const Range& run : p.runs) prefault(p.buffer + (run.start - p.range.start), run.size());
}

void FreezeCopy::Copier::add_piece(Range range, std::byte* bytes, bool heap) {
  if (!pieces_.empty() && pieces_.back().range.end == range.start && pieces_.back().heap == heap &&
      pieces_.back().bytes + pieces_.back().range.size() == bytes) {
    pieces_.back().range.end = range.end;
    return;
  }
  pieces_.push_back({range, bytes, heap});
}

void FreezeCopy::Copier::in_stop(const Mappings& now) {
  std::vector<CopyJob> jobs;
  // Gaps are looked at again, as far as the budget goes: a heap grows into pages it had but had not touched.
  std::uint64_t gap_budget = std::uint64_t{256} << 20;
  std::size_t next = 0;
  for (const Mapping& m : now) {
    const Treatment what = treatment(m);
    if (what == Treatment::kSkip) continue;
    Range rest{value(m.start), value(m.end)};
    while (rest.start < rest.end) {
      while (next < planned_.size() && planned_[next].range.end <= rest.start) ++next;
      Planned* p =
          next < planned_.size() && planned_[next].range.start < rest.end ? &planned_[next] : nullptr;
      if (p && p->range.start <= rest.start) {
        // As planned.
        const Range here{rest.start, std::min(rest.end, p->range.end)};
        auto add_run = [&](const Range& run) {
          const Range cut{std::max(run.start, here.start), std::min(run.end, here.end)};
          if (cut.start < cut.end)
            jobs.push_back({cut.start, p->buffer + (cut.start - p->range.start), cut.size()});
        };
        for (const Range& run : p->runs) add_run(run);
        if (pages_ && (p->what == Treatment::kCopy || p->writable)) {
          for (Range gap : gaps_of(p->runs, here)) {
            gap.end = std::min(gap.end, gap.start + gap_budget);
            gap_budget -= gap.size();
            if (gap.size() == 0) break;
            for (const Range& run : page_runs(pages_, gap, PageMap::has_page)) add_run(run);
          }
        }
        add_piece(here, p->buffer + (here.start - p->range.start), what == Treatment::kCopy || p->writable);
        const bool view = p->descriptor != arena_->descriptor();
        backed_.push_back(
            {here, &m, p->descriptor, p->offset + (here.start - p->range.start), view ? p : nullptr});
        rest.start = here.end;
        continue;
      }
      // New since the plan: up to the next planned mapping.
      const Range here{rest.start, p ? std::min(rest.end, p->range.start) : rest.end};
      rest.start = here.end;
      if (what == Treatment::kFile && !m.writable) continue;  // a library loaded this very moment
      std::byte* to = nullptr;
      Backed backed{here, &m, arena_->descriptor()};
      Planned* before = next > 0 ? &planned_[next - 1] : nullptr;
      if (before && before->range.end == here.start &&
          before->buffer + before->range.size() + here.size() <= before->buffer_high) {
        to = before->buffer + before->range.size();
      } else if (p && p->range.start == here.end && p->buffer - here.size() >= p->buffer_low) {
        to = p->buffer - here.size();
      } else {
        if (here.size() > std::uint64_t{1} << 34) continue;
        extra_.push_back(std::make_unique<Arena>(here.size()));
        to = extra_.back()->base();
        backed.descriptor = extra_.back()->descriptor();
      }
      backed.offset =
          extra_.empty() || to != extra_.back()->base() ? static_cast<std::uint64_t>(to - arena_->base()) : 0;
      for (const Range& run : page_runs(pages_, here, PageMap::has_page))
        jobs.push_back({run.start, to + (run.start - here.start), run.size()});
      add_piece(here, to, true);
      backed_.push_back(backed);
    }
  }
  std::atomic<std::uint64_t> lost{0};
  copy_all(process_, jobs, lost);
  for (const CopyJob& job : jobs) bytes_copied_ += job.size;
  bytes_copied_ -= lost * kPage;
}

void FreezeCopy::Copier::build(Capture& capture, const std::shared_ptr<void>& owner) {
  for (const Piece& piece : pieces_)
    capture.image->add({.start = Address{piece.range.start},
                        .size = piece.range.size(),
                        .bytes = piece.bytes,
                        .heap = piece.heap},
                       owner);
  capture.image->seal();
  arena_->seal();
  for (const auto& extra : extra_) extra->seal();
  for (const Backed& b : backed_) {
    Backing out{.start = Address{b.range.start},
                .size = b.range.size(),
                .writable = b.mapping->writable,
                .executable = b.mapping->executable,
                .file = b.mapping->has_file(),
                .descriptor = b.descriptor,
                .offset = b.offset};
    if (b.changed) {
      for (const Range& run : b.changed->runs) {
        const Range cut{std::max(run.start, b.range.start), std::min(run.end, b.range.end)};
        if (cut.start < cut.end) out.changed.push_back({Address{cut.start}, cut.size()});
      }
    }
    capture.backing.push_back(std::move(out));
  }
}

FreezeCopy::FreezeCopy(const Process& process)
    : process_(process), copier_(std::make_shared<Copier>(process)) {
  const auto began = std::chrono::steady_clock::now();
  copier_->plan();
  prepare_ms_ = ms_since(began);
}

FreezeCopy::~FreezeCopy() = default;

Capture FreezeCopy::take(const FreezeOptions& options) {
  Capture capture;
  capture.freeze = "copy";
  capture.prepare_ms = prepare_ms_;
  // A higher priority while the target is held, where that is permitted: its pause is what ends sooner.
  const int nice_before = getpriority(PRIO_PROCESS, 0);
  setpriority(PRIO_PROCESS, 0, -20);
  const auto stopping = std::chrono::steady_clock::now();
  {
    StoppedProcess stopped(process_.pid(), options.stop_deadline);
    process_.check_alive();
    capture.mappings = process_.mappings();
    copier_->in_stop(capture.mappings);
    stopped.read_registers();
    capture.threads = stopped.threads();
    capture.was_stopped = stopped.in_group_stop();
    stopped.resume();
  }
  capture.pause_ms = ms_since(stopping);
  setpriority(PRIO_PROCESS, 0, nice_before);

  capture.bytes_copied = copier_->bytes_copied();
  capture.image = std::make_shared<Image>();
  copier_->build(capture, copier_);
  return capture;
}

}  // namespace heapglass
