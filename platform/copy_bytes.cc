#include "platform/copy_bytes.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "lib/base/parallel.h"
#include "platform/page_map.h"
#include "platform/wait_limit.h"

namespace heapglass {
namespace {

// Pieces of 1 MB are as fast as any larger, 4 kB half as fast.
constexpr std::uint64_t kPiece = 1 << 20, kBatch = 4 << 20;
constexpr std::size_t kVector = 64;

// The bytes got from the first piece on; -1 where there are none.
ssize_t read_pieces(const Process& process, const iovec* local, const iovec* remote, std::size_t n,
                    CopyBy by) {
  const WaitLimit limit(WaitLimit::kRead);
  if (by == CopyBy::kProcessRead) return process_vm_readv(process.pid(), local, n, remote, n, 0);
  ssize_t total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const ssize_t got = pread(process.memory_file(), local[i].iov_base, local[i].iov_len,
                              static_cast<off_t>(reinterpret_cast<std::uint64_t>(remote[i].iov_base)));
    if (got > 0) total += got;
    if (got != static_cast<ssize_t>(local[i].iov_len)) break;
  }
  return total;
}

CopyOutcome copy_range(const Process& process, const std::vector<CopyJob>& jobs, CopyClock::time_point until,
                       CopyBy by) {
  CopyOutcome outcome;
  const std::size_t count = jobs.size();
  std::size_t job = 0;
  std::uint64_t offset = 0;
  while (job < count) {
    if (CopyClock::now() > until) {
      outcome.complete = false;
      break;
    }
    iovec local[kVector], remote[kVector];
    std::size_t n = 0;
    std::uint64_t total = 0;
    std::size_t j = job;
    std::uint64_t at = offset;
    while (n < kVector && total < kBatch && j < count) {
      const std::uint64_t piece = std::min<std::uint64_t>(jobs[j].size - at, kPiece);
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
    ssize_t got = read_pieces(process, local, remote, n, by);
    if (got < 0) got = 0;
    std::uint64_t done = static_cast<std::uint64_t>(got);
    outcome.copied += done;
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
      } else {
        outcome.copied += page_rest;
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
  return outcome;
}

}  // namespace

CopyOutcome copy_all(const Process& process, const std::vector<CopyJob>& jobs, CopyClock::time_point until,
                     CopyBy by) {
  const std::uint64_t total = bytes_of(jobs);
  if (total < 4u << 20 || worker_count() < 2) return copy_range(process, jobs, until, by);
  // Two halves by bytes: two cores nearly double what one reaches, more gain little.
  std::vector<CopyJob> first, second;
  std::uint64_t sum = 0;
  for (const CopyJob& job : jobs) {
    const std::uint64_t room = sum < total / 2 ? std::min(job.size, total / 2 - sum) : 0;
    if (room) first.push_back({job.from, job.to, room});
    if (room < job.size) second.push_back({job.from + room, job.to + room, job.size - room});
    sum += job.size;
  }
  CopyOutcome theirs;
  std::thread other([&] { theirs = copy_range(process, second, until, by); });
  const CopyOutcome ours = copy_range(process, first, until, by);
  other.join();
  return {ours.copied + theirs.copied, ours.complete && theirs.complete};
}

}  // namespace heapglass
