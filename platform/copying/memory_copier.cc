#include "platform/copying/memory_copier.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "lib/base/elapsed.h"
#include "lib/base/parallel.h"
#include "platform/copying/capture_plan.h"
#include "platform/copying/swapped_pages.h"
#include "platform/files/file_guard.h"
#include "platform/process/memory_left.h"
#include "platform/process/proc_text.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kHuge = 2u << 20;
constexpr std::uint64_t kFaultedAtOnce = 32u << 20;
constexpr std::uint64_t kSampleBytes = 32u << 20, kSamplePieces = 16;

// Pieces from all over, small jobs and large ones as they come.
std::vector<CopyJob> sample_of(const std::vector<CopyJob>& jobs, std::uint64_t total) {
  const std::uint64_t stride = total / kSamplePieces + 1,
                      length = std::min(stride, kSampleBytes / kSamplePieces);
  std::vector<CopyJob> sample;
  std::uint64_t at = 0, wanted = 0;  // bytes of jobs before this one; where the next piece begins or goes on
  std::uint64_t left = length;
  for (const CopyJob& job : jobs) {
    while (wanted < at + job.size) {
      const std::uint64_t size = std::min(left, at + job.size - wanted);
      sample.push_back({job.from + (wanted - at), job.to + (wanted - at), size});
      left -= size;
      wanted += size;
      if (left == 0) {
        wanted += stride - length;
        left = length;
      }
    }
    at += job.size;
  }
  return sample;
}

// The target's file may shrink while its view is read; what is gone is zeros then.
std::shared_ptr<void> guarded_view(void* view, std::uint64_t length, const std::string& name) {
  return {view, [length, guard = guard_file_view(view, length, name, OnShrink::kZeros)](void* v) mutable {
            guard.reset();
            munmap(v, length);
          }};
}

}  // namespace

MemoryCopier::MemoryCopier(const Process& process, bool urgent)
    : process_(process), pages_(process.pid()), new_processes_(process.pid()), urgent_(urgent) {
  plan();
}

int MemoryCopier::file_of(const Mapping& m) {
  const auto [at, is_new] = files_.try_emplace({m.device, m.inode});
  if (is_new) at->second = process_.open_mapped_file(m);
  return at->second.get();
}

void MemoryCopier::plan() {
  std::uint64_t cursor = 0;
  std::vector<std::uint64_t> offsets;
  const Mappings mappings = process_.mappings();
  std::vector<const Mapping*> of;
  const bool swaps =
      number_after(read_proc_file("/proc/" + std::to_string(process_.pid()) + "/status"), "VmSwap:") > 0;
  for (const Mapping& m : mappings) {
    Planned p{.range = {value(m.start), value(m.end)}, .what = treatment_of(m), .writable = m.writable};
    if (p.what == Treatment::kSkip) continue;
    if (swaps && pages_)
      for (const Range& run : page_runs(pages_, p.range, PageMap::is_swapped)) swapped_.push_back(run);
    if (p.what == Treatment::kFile && !m.writable)
      if (const int file = file_of(m); file >= 0) plan_file(p, m, file);
    const bool is_view = p.buffer != nullptr;
    if (!is_view) {
      p.runs = runs_with_content(pages_, p.range, &shares_);
      // The same place in a huge page as in the target, slack before and behind.
      cursor = (cursor + kHuge - 1) / kHuge * kHuge + kSlack + p.range.start % kHuge;
    }
    offsets.push_back(is_view ? 0 : cursor);
    if (!is_view) cursor += p.range.size() + kSlack;
    planned_.push_back(std::move(p));
    of.push_back(&m);
  }
  refuse_where_memory_is_short();
  arena_ = std::make_shared<CopyArena>(cursor + kHuge);
  std::vector<std::pair<std::byte*, std::uint64_t>> to_fault;  // of the arena
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    Planned& p = planned_[i];
    if (p.buffer) continue;  // a view of the file
    p.buffer = arena_->base() + offsets[i];
    p.descriptor = arena_->descriptor();
    p.offset = offsets[i];
    p.buffer_low = p.buffer - kSlack;
    p.buffer_high = p.buffer + p.range.size() + kSlack;
    for (const Range& run : p.runs)
      for (std::uint64_t at = run.start; at < run.end;) {
        // Up to where a huge page of ours begins.
        const std::uint64_t end = std::min(run.end, (at + kFaultedAtOnce) / kHuge * kHuge);
        to_fault.emplace_back(p.buffer + (at - p.range.start), end - at);
        at = end;
      }
    if (p.what == Treatment::kFile) read_gaps_from_file(p, *of[i]);
  }
  parallel_for(to_fault.size(),
               [&](std::size_t i, unsigned) { arena_->prefault(to_fault[i].first, to_fault[i].second); });
}

void MemoryCopier::read_gaps_from_file(const Planned& p, const Mapping& m) {
  const int file = file_of(m);
  if (file < 0) return;
  for (const Range& gap : gaps_of(p.runs, p.range)) {
    const std::uint64_t from = gap.start - p.range.start;
    std::uint64_t done = 0;
    while (done < gap.size()) {
      const ssize_t n = pread(file, p.buffer + from + done, gap.size() - done,
                              static_cast<off_t>(m.file_offset + from + done));
      if (n <= 0) break;
      done += static_cast<std::uint64_t>(n);
    }
    if (done > 0) written_.push_back({p.buffer + from, p.buffer + from + done});
  }
}

void MemoryCopier::refuse_where_memory_is_short() const {
  std::uint64_t need = kRoomForOurselves;
  for (const Planned& p : planned_)
    if (!p.buffer)
      for (const Range& run : p.runs) need += run.size();
  for (const Range& run : swapped_) need += run.size();  // it comes back into the target's memory for a while
  const MemoryLeft left = memory_left(getpid());
  if (left.bytes >= need) return;
  throw Error(
      ErrorKind::kUnreachable,
      "too little memory for a copy of process " + std::to_string(process_.pid()) + ": it takes " +
          as_mb(need) + ", and " +
          (left.who == "its control group" ? "the control group that heapglass runs in"
           : left.is_own_limit()           ? "the limit of heapglass (--max-memory, ulimit -d)"
                                           : left.who) +
          " has " + as_mb(left.bytes) + " left",
      left.is_own_limit()
          ? "the process was not stopped; allow up to twice that with --max-memory"
          : "the process was not stopped; run heapglass where more may be taken, it needs up to twice that");
}

void MemoryCopier::plan_file(Planned& p, const Mapping& m, int file) {
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
  file_views_.push_back(guarded_view(view, length, m.path));
  if (backed < length && mmap(static_cast<std::byte*>(view) + backed, length - backed, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
    file_views_.pop_back();  // its bytes are copied then, as without any view
    return;
  }
  p.view = true;
  p.buffer = static_cast<std::byte*>(view);
  p.buffer_low = p.buffer;
  p.buffer_high = p.buffer + length;
  p.descriptor = file;
  p.offset = m.file_offset;
  // Relocated data that was made read-only, and text that somebody has patched: those pages are the target's
  // own.
  p.runs = page_runs(pages_, p.range, PageMap::is_private_copy, [&](std::uint64_t, std::uint64_t entry) {
    shares_ |= PageMap::is_shared_or_zeros(entry);
  });
  for (const Range& run : p.runs) prefault(p.buffer + (run.start - p.range.start), run.size());
}

void MemoryCopier::add_piece(Range range, std::byte* bytes, bool heap) {
  if (!pieces_.empty() && pieces_.back().range.end == range.start && pieces_.back().heap == heap &&
      pieces_.back().bytes + pieces_.back().range.size() == bytes) {
    pieces_.back().range.end = range.end;
    return;
  }
  pieces_.push_back({range, bytes, heap});
}

void MemoryCopier::list_planned(Planned& p, Range here, std::uint64_t& gap_budget,
                                std::vector<CopyJob>& jobs) {
  const auto add_run = [&](const Range& run) {
    const Range cut{std::max(run.start, here.start), std::min(run.end, here.end)};
    if (cut.start < cut.end) jobs.push_back({cut.start, p.buffer + (cut.start - p.range.start), cut.size()});
  };
  if (p.later) {
    for (const Range& run : runs_with_content(pages_, here)) add_run(run);
    return;
  }
  for (const Range& run : p.runs) add_run(run);
  if (!pages_ || (p.what != Treatment::kCopy && !p.writable)) return;
  for (Range gap : gaps_of(p.runs, here)) {
    gap.end = std::min(gap.end, gap.start + gap_budget);
    gap_budget -= gap.size();
    if (gap.size() == 0) break;
    for (const Range& run : runs_with_content(pages_, gap)) add_run(run);
  }
}

std::vector<CopyJob> MemoryCopier::list(const Mappings& now, bool all) {
  std::vector<CopyJob> jobs;
  pieces_.clear();
  backed_.clear();
  extra_.clear();
  // Gaps are looked at again, as far as the budget goes: a heap grows into pages it had but had not touched.
  std::uint64_t gap_budget = std::uint64_t{256} << 20;
  std::size_t next = 0;
  for (const Mapping& m : now) {
    const Treatment what = treatment_of(m);
    if (what == Treatment::kSkip) continue;
    Range rest{value(m.start), value(m.end)};
    while (rest.start < rest.end) {
      while (next < planned_.size() && planned_[next].range.end <= rest.start) ++next;
      Planned* p =
          next < planned_.size() && planned_[next].range.start < rest.end ? &planned_[next] : nullptr;
      if (p && p->range.start <= rest.start) {
        // As planned.
        const Range here{rest.start, std::min(rest.end, p->range.end)};
        if (all || what != Treatment::kCopy || p->what != Treatment::kCopy)
          list_planned(*p, here, gap_budget, jobs);
        add_piece(here, p->buffer + (here.start - p->range.start), what == Treatment::kCopy || p->writable);
        backed_.push_back(
            {here, &m, p->descriptor, p->offset + (here.start - p->range.start), p->view ? p : nullptr});
        rest.start = here.end;
        continue;
      }
      // New since the plan: up to the next planned mapping.
      const Range here{rest.start, p ? std::min(rest.end, p->range.start) : rest.end};
      rest.start = here.end;
      if (what == Treatment::kFile && !m.writable) continue;  // a library loaded this very moment
      list_new(here, m, next > 0 ? &planned_[next - 1] : nullptr, p, jobs);
    }
  }
  return jobs;
}

void MemoryCopier::list_new(Range here, const Mapping& m, const Planned* before, const Planned* after,
                            std::vector<CopyJob>& jobs) {
  std::byte* to = nullptr;
  Backed backed{here, &m, arena_->descriptor()};
  if (before && before->range.end == here.start &&
      before->buffer + before->range.size() + here.size() <= before->buffer_high) {
    to = before->buffer + before->range.size();
    backed.descriptor = before->descriptor;
    backed.offset = before->offset + before->range.size();
  } else if (after && after->range.start == here.end && after->buffer - here.size() >= after->buffer_low) {
    to = after->buffer - here.size();
    backed.descriptor = after->descriptor;
    backed.offset = after->offset - here.size();
  } else {
    if (here.size() > std::uint64_t{1} << 34) return;
    extra_.push_back(std::make_unique<CopyArena>(here.size()));
    to = extra_.back()->base();
    backed.descriptor = extra_.back()->descriptor();
  }
  for (const Range& run : runs_with_content(pages_, here))
    jobs.push_back({run.start, to + (run.start - here.start), run.size()});
  add_piece(here, to, true);
  backed_.push_back(backed);
}

CopyOutcome MemoryCopier::copy_jobs(const Process& from, const std::vector<CopyJob>& jobs,
                                    const CopyOptions& options) {
  for (const CopyJob& job : jobs) {
    if (!written_.empty() && written_.back().end == job.to)
      written_.back().end += job.size;
    else
      written_.push_back({job.to, job.to + job.size});
  }
  return copy_all(from, pages_, jobs, options);
}

MemoryCopier::Estimate MemoryCopier::estimate() {
  Estimate estimate;
  const auto listing = CopyClock::now();
  const std::vector<CopyJob> jobs = list(process_.mappings());
  const double list_ms = ms_since(listing);
  for (const CopyJob& job : jobs) estimate.bytes += job.size;
  const auto copying = CopyClock::now();
  const std::uint64_t copied =
      copy_jobs(process_, sample_of(jobs, estimate.bytes), {.urgent = urgent_}).copied;
  const double ms_per_byte = ms_since(copying) / static_cast<double>(std::max<std::uint64_t>(copied, kPage));
  estimate.gigabytes_per_second = 1e-6 / ms_per_byte;
  estimate.ms = list_ms + static_cast<double>(estimate.bytes) * ms_per_byte;
  return estimate;
}

// In the stop. To look at the page map once more takes 4 % of the time that copying does.
CopyBy MemoryCopier::by_what_is_shared() const {
  return shares_ || new_processes_.may_be_forks() ? CopyBy::kPageMap : CopyBy::kPinning;
}

bool MemoryCopier::copy(const Mappings& now, CopyClock::time_point until, bool stopped) {
  const CopyBy by = stopped ? by_what_is_shared() : CopyBy::kMemoryFile;
  const std::vector<CopyJob> jobs = list(now);
  bytes_listed_ = bytes_of(jobs);
  copied_itself_ = true;
  const CopyOutcome outcome = copy_jobs(process_, jobs, {.until = until, .by = by, .urgent = urgent_});
  bytes_copied_ = outcome.copied;
  return outcome.complete;
}

void MemoryCopier::copy_of(const Process& other, const Mappings& now) {
  PageMap own = std::move(pages_);
  pages_ = PageMap(other.pid());
  const std::vector<CopyJob> jobs = list(now);
  bytes_listed_ = bytes_of(jobs);
  bytes_copied_ = copy_jobs(other, jobs, {.by = CopyBy::kMemoryFile}).copied;
  pages_ = std::move(own);
}

std::string MemoryCopier::page_out_again() const {
  return copied_itself_ ? heapglass::page_out_again(process_, swapped_) : "";
}

void MemoryCopier::join(const Backed* first, const Backed* end) {
  const Range all{first->range.start, (end - 1)->range.end};
  const auto inside = [&](const Piece& p) { return p.range.start >= all.start && p.range.end <= all.end; };
  const auto across = [&](const Piece& p) {
    return !inside(p) && p.range.start < all.end && p.range.end > all.start;
  };
  if (std::any_of(pieces_.begin(), pieces_.end(), across)) return;
  const std::uint64_t length = all.size();
  void* view = mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (view == MAP_FAILED) return;
  file_views_.emplace_back(view, [length](void* v) { munmap(v, length); });
  auto* bytes = static_cast<std::byte*>(view);
  for (const Backed* b = first; b != end; ++b)
    if (mmap(bytes + (b->range.start - all.start), b->range.size(), PROT_READ, MAP_SHARED | MAP_FIXED,
             b->descriptor, static_cast<off_t>(b->offset)) == MAP_FAILED)
      return;
  const auto at = std::find_if(pieces_.begin(), pieces_.end(), inside);
  *at = {all, bytes, true};
  pieces_.erase(std::remove_if(at + 1, pieces_.end(), inside), pieces_.end());
}

void MemoryCopier::join_pieces() {
  const Backed* const end = backed_.data() + backed_.size();
  for (const Backed* b = backed_.data(); b != end;) {
    const Backed* after = b + 1;
    bool broken = false;
    const auto is_memory = [](const Backed& each) { return !each.mapping->has_file() && !each.changed; };
    while (is_memory(*b) && after != end && is_memory(*after) &&
           after->range.start == (after - 1)->range.end) {
      broken |= after->descriptor != (after - 1)->descriptor ||
                after->offset != (after - 1)->offset + (after - 1)->range.size();
      ++after;
    }
    if (broken) {
      fill_descriptors();
      join(b, after);
    }
    b = after;
  }
}

void MemoryCopier::fill_descriptors() {
  std::sort(written_.begin(), written_.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  // Rounds copy the same page again and again.
  std::vector<CopyArena::Written> apart;
  for (const CopyArena::Written& each : written_) {
    if (apart.empty() || each.start > apart.back().end)
      apart.push_back(each);
    else
      apart.back().end = std::max(apart.back().end, each.end);
  }
  written_ = std::move(apart);
  arena_->make_file(written_);
  for (const auto& extra : extra_) extra->make_file(written_);
  for (const auto& more : more_arenas_) more->make_file(written_);
}

void MemoryCopier::build(Capture& capture, const std::shared_ptr<MemoryCopier>& owner) {
  join_pieces();
  for (const Piece& piece : pieces_)
    capture.image->add({.start = Address{piece.range.start},
                        .size = piece.range.size(),
                        .bytes = piece.bytes,
                        .heap = piece.heap},
                       owner);
  capture.image->seal();
  capture.fill_descriptors = [owner] { owner->fill_descriptors(); };
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

}  // namespace heapglass
