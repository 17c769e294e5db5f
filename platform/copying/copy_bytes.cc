#include "platform/copying/copy_bytes.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>
#include <span>
#include <thread>

#include "lib/base/parallel.h"
#include "platform/copying/fair_share.h"
#include "platform/process/wait_limit.h"

namespace heapglass {
namespace {

// Vectors of 1 MB are as fast as any larger, 4 kB half as fast.
constexpr std::uint64_t kVectorBytes = 1 << 20, kPieceBytes = 4 << 20;
constexpr std::size_t kVectors = 64;
// Pages told at a time: as many as one page table of the last level has.
constexpr std::uint64_t kWindowPages = 512;
// A run of pages that could be pinned, between others, below which a call of its own costs more than it
// saves.
constexpr std::uint64_t kShortRun = 16 * kPage;

// The page map around the address that was asked for last.
class PageWindow {
 public:
  explicit PageWindow(const PageMap& pages) : pages_(pages) {}
  std::uint64_t entry(std::uint64_t address) {
    const std::uint64_t page = address / kPage;
    if (page - first_ >= kWindowPages || !filled_) fill(page / kWindowPages * kWindowPages);
    return entries_[page - first_];
  }

 private:
  void fill(std::uint64_t first) {
    first_ = first;
    filled_ = true;
    const ssize_t got = pread(pages_.descriptor(), entries_, sizeof entries_, static_cast<off_t>(first * 8));
    const std::size_t known = got > 0 ? static_cast<std::size_t>(got) / 8 : 0;
    std::fill(entries_ + known, entries_ + kWindowPages, 0);
  }

  const PageMap& pages_;
  std::uint64_t first_ = 0;
  bool filled_ = false;
  std::uint64_t entries_[kWindowPages];
};

// How the pages of a run are read.
enum class ReadMethod { kPin, kMemoryFile, kAbsent };

// Copies on one thread.
class Copier {
 public:
  Copier(const Process& process, const PageMap& pages, CopyBy by)
      : process_(process), window_(pages), fixed_(fixed_method(process, pages, by)) {}

  void copy(const CopyJob& job) {
    if (fixed_) return copy_run(job, *fixed_);
    for (std::uint64_t done = 0; done < job.size;) {
      const std::uint64_t from = job.from + done;
      ReadMethod method = ReadMethod::kAbsent;
      const std::uint64_t size = run_at(from, job.size - done, method);
      copy_run({from, job.to + done, size}, method);
      done += size;
    }
  }
  // What was taken up and is not copied yet.
  void flush() {
    if (count_ == 0) return;
    const WaitLimit limit(WaitLimit::kRead);
    const ssize_t got = process_.read_pinned(local_, remote_, count_);
    std::uint64_t done = got < 0 ? 0 : static_cast<std::uint64_t>(got);
    copied_ += done;
    std::size_t first = 0;
    while (first < count_ && done >= remote_[first].iov_len) done -= remote_[first++].iov_len;
    // The rest, from the page that failed on, page by page: /proc/PID/mem may still read it.
    for (; first < count_; ++first, done = 0)
      copy_pages({reinterpret_cast<std::uint64_t>(remote_[first].iov_base) + done,
                  static_cast<std::byte*>(local_[first].iov_base) + done, remote_[first].iov_len - done});
    count_ = 0;
    total_ = 0;
  }
  std::uint64_t copied() const { return copied_; }

 private:
  // nullopt: by each page's entry.
  static std::optional<ReadMethod> fixed_method(const Process& process, const PageMap& pages, CopyBy by) {
    // Without the file there is the call alone: Process::open() has seen that nothing is shared.
    if (process.memory_file() < 0 || by == CopyBy::kPinning) return ReadMethod::kPin;
    return by == CopyBy::kMemoryFile || !pages ? std::optional(ReadMethod::kMemoryFile) : std::nullopt;
  }
  static ReadMethod method_of(std::uint64_t entry) {
    if (!PageMap::has_page(entry)) return ReadMethod::kAbsent;
    return PageMap::can_be_pinned(entry) ? ReadMethod::kPin : ReadMethod::kMemoryFile;
  }
  // How far pages of one kind go from `from` on, at most `most` bytes.
  std::uint64_t same_from(std::uint64_t from, std::uint64_t most, ReadMethod method) {
    std::uint64_t size = std::min(most, kPage - from % kPage);
    while (size < most && method_of(window_.entry(from + size)) == method)
      size += std::min(kPage, most - size);
    return size;
  }
  std::uint64_t run_at(std::uint64_t from, std::uint64_t most, ReadMethod& method) {
    method = method_of(window_.entry(from));
    std::uint64_t size = same_from(from, most, method);
    if (method != ReadMethod::kMemoryFile) return size;
    // Small islands of another kind go with it: what can be pinned can be read from the file as well.
    while (size < most) {
      if (method_of(window_.entry(from + size)) == ReadMethod::kMemoryFile) {
        size += same_from(from + size, most - size, ReadMethod::kMemoryFile);
        continue;
      }
      if (method_of(window_.entry(from + size)) != ReadMethod::kPin) break;
      const std::uint64_t island = same_from(from + size, most - size, ReadMethod::kPin);
      if (island > kShortRun) break;
      size += island;
    }
    return size;
  }

  void copy_run(const CopyJob& run, ReadMethod method) {
    switch (method) {
      case ReadMethod::kPin:
        return take_up(run);
      case ReadMethod::kMemoryFile:
        return copy_by_file(run);
      case ReadMethod::kAbsent:
        std::memset(run.to, 0, run.size);
    }
  }
  void take_up(const CopyJob& run) {
    for (std::uint64_t done = 0; done < run.size;) {
      const std::uint64_t size = std::min(run.size - done, kVectorBytes);
      local_[count_] = {run.to + done, size};
      remote_[count_] = {reinterpret_cast<void*>(run.from + done), size};
      done += size;
      total_ += size;
      if (++count_ == kVectors || total_ >= kPieceBytes) flush();
    }
  }
  void copy_by_file(const CopyJob& run) {
    const WaitLimit limit(WaitLimit::kRead);
    std::uint64_t done = 0;
    while (done < run.size) {
      const ssize_t got =
          pread(process_.memory_file(), run.to + done, run.size - done, static_cast<off_t>(run.from + done));
      if (got > 0) {
        done += static_cast<std::uint64_t>(got);
        copied_ += static_cast<std::uint64_t>(got);
        continue;
      }
      const std::uint64_t rest = std::min(kPage - (run.from + done) % kPage, run.size - done);
      std::memset(run.to + done, 0, rest);
      done += rest;
    }
  }
  void copy_pages(const CopyJob& run) {
    for (std::uint64_t done = 0; done < run.size;) {
      const std::uint64_t size = std::min(kPage - (run.from + done) % kPage, run.size - done);
      if (process_.read(Address{run.from + done}, std::span(run.to + done, size))) {
        copied_ += size;
      } else {
        std::memset(run.to + done, 0, size);
      }
      done += size;
    }
  }

  const Process& process_;
  PageWindow window_;
  std::optional<ReadMethod> fixed_;
  iovec local_[kVectors], remote_[kVectors];
  std::size_t count_ = 0;
  std::uint64_t total_ = 0, copied_ = 0;
};

// The jobs cut into pieces of at most kPieceBytes, which threads take as they come to them: what is read by
// one way takes longer than by the other.
class Pieces {
 public:
  explicit Pieces(const std::vector<CopyJob>& jobs) {
    std::uint64_t in_piece = 0;
    for (const CopyJob& job : jobs)
      for (std::uint64_t done = 0; done < job.size;) {
        const std::uint64_t size = std::min(job.size - done, kPieceBytes - in_piece);
        jobs_.push_back({job.from + done, job.to + done, size});
        done += size;
        in_piece += size;
        if (in_piece < kPieceBytes) continue;
        ends_.push_back(jobs_.size());
        in_piece = 0;
      }
    if (in_piece > 0) ends_.push_back(jobs_.size());
  }
  std::size_t count() const { return ends_.size(); }
  std::span<const CopyJob> piece(std::size_t n) const {
    const std::size_t begin = n == 0 ? 0 : ends_[n - 1];
    return std::span(jobs_).subspan(begin, ends_[n] - begin);
  }

 private:
  std::vector<CopyJob> jobs_;
  std::vector<std::size_t> ends_;
};

// Pieces are taken from both ends, so that each thread goes through memory in order.
class Ends {
 public:
  explicit Ends(std::size_t count) : left_(static_cast<std::ptrdiff_t>(count)), count_(count) {}
  // The next piece from the front or the back; nullopt where all are taken.
  std::optional<std::size_t> take(bool front) {
    if (left_.fetch_sub(1) <= 0) return std::nullopt;
    return front ? front_++ : count_ - ++back_;
  }

 private:
  std::atomic<std::ptrdiff_t> left_;
  std::size_t count_, front_ = 0, back_ = 0;  // each of one thread alone
};

CopyOutcome copy_pieces(const Process& process, const PageMap& pages, const Pieces& pieces, Ends& ends,
                        bool front, const CopyOptions& options) {
  CopyOutcome outcome;
  Copier copier(process, pages, options.by);
  FairShare share(options.urgent);
  while (const std::optional<std::size_t> n = ends.take(front)) {
    if (CopyClock::now() > options.until) {
      outcome.complete = false;
      break;
    }
    for (const CopyJob& job : pieces.piece(*n)) copier.copy(job);
    copier.flush();
    share.give_way();
  }
  outcome.copied = copier.copied();
  return outcome;
}

}  // namespace

CopyOutcome copy_all(const Process& process, const PageMap& pages, const std::vector<CopyJob>& jobs,
                     const CopyOptions& options) {
  const Pieces pieces(jobs);
  Ends ends(pieces.count());
  if (pieces.count() < 2 || worker_count() < 2)
    return copy_pieces(process, pages, pieces, ends, true, options);
  // Two cores nearly double what one reaches, more gain little.
  CopyOutcome theirs;
  std::thread other([&] { theirs = copy_pieces(process, pages, pieces, ends, false, options); });
  const CopyOutcome ours = copy_pieces(process, pages, pieces, ends, true, options);
  other.join();
  return {ours.copied + theirs.copied, ours.complete && theirs.complete};
}

}  // namespace heapglass
