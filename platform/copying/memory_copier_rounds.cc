// The part of MemoryCopier that copies in rounds.
#include <algorithm>
#include <cstring>

#include "platform/copying/memory_copier.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kLongestNew = std::uint64_t{1} << 34;

bool starts_before(Range a, Range b) { return a.start < b.start; }

void zero_common(std::vector<Range>& ours, std::vector<Range>& gone, std::byte* buffer, std::uint64_t start) {
  std::sort(ours.begin(), ours.end(), starts_before);
  std::sort(gone.begin(), gone.end(), starts_before);
  auto gap = gone.begin();
  for (const Range& run : ours) {
    // Runs may overlap one another, gaps do not.
    while (gap != gone.end() && gap->end <= run.start) ++gap;
    for (auto each = gap; each != gone.end() && each->start < run.end; ++each) {
      const std::uint64_t from = std::max(each->start, run.start), to = std::min(each->end, run.end);
      if (from < to) std::memset(buffer + (from - start), 0, to - from);
    }
  }
}

}  // namespace

std::vector<Range> MemoryCopier::watchable(const Mappings& now) {
  std::vector<Range> ranges;
  for (const Mapping& m : now)
    if (treatment_of(m) == Treatment::kCopy) ranges.push_back({value(m.start), value(m.end)});
  return ranges;
}

MemoryCopier::Planned MemoryCopier::make_room(Range range, Planned* before, Planned* after) {
  Planned p{.range = range, .what = Treatment::kCopy, .later = true};
  if (before && before->range.end == range.start &&
      before->buffer + before->range.size() + range.size() <= before->buffer_high) {
    p.buffer_low = p.buffer = before->buffer + before->range.size();
    p.buffer_high = before->buffer_high;
    before->buffer_high = p.buffer;
    p.descriptor = before->descriptor;
    p.offset = before->offset + before->range.size();
  } else if (after && after->range.start == range.end && after->buffer - range.size() >= after->buffer_low) {
    p.buffer_high = after->buffer;
    p.buffer = after->buffer - range.size();
    p.buffer_low = after->buffer_low;
    after->buffer_low = after->buffer;
    p.descriptor = after->descriptor;
    p.offset = after->offset - range.size();
  } else if (range.size() <= kLongestNew) {
    more_arenas_.push_back(std::make_unique<CopyArena>(range.size() + 2 * kSlack));
    const CopyArena& arena = *more_arenas_.back();
    p.buffer_low = arena.base();
    p.buffer = arena.base() + kSlack;
    p.buffer_high = p.buffer + range.size() + kSlack;
    p.descriptor = arena.descriptor();
    p.offset = kSlack;
  }
  return p;
}

void MemoryCopier::plan_more(const Mappings& now) {
  for (const Mapping& m : now) {
    if (treatment_of(m) != Treatment::kCopy) continue;
    Range rest{value(m.start), value(m.end)};
    while (rest.start < rest.end) {
      const auto next = std::find_if(planned_.begin(), planned_.end(),
                                     [&](const Planned& p) { return p.range.end > rest.start; });
      if (next != planned_.end() && next->range.start <= rest.start) {
        rest.start = next->range.end;
        continue;
      }
      const bool reaches = next != planned_.end() && next->range.start < rest.end;
      const Range here{rest.start, reaches ? next->range.start : rest.end};
      rest.start = here.end;
      Planned p = make_room(here, next == planned_.begin() ? nullptr : &*(next - 1),
                            next == planned_.end() ? nullptr : &*next);
      p.writable = m.writable;
      if (p.buffer) planned_.insert(next, std::move(p));
    }
  }
}

void MemoryCopier::place(Range run, std::vector<CopyJob>& jobs) {
  auto p = std::partition_point(planned_.begin(), planned_.end(),
                                [&](const Planned& each) { return each.range.end <= run.start; });
  for (; p != planned_.end() && p->range.start < run.end; ++p) {
    const Range cut{std::max(run.start, p->range.start), std::min(run.end, p->range.end)};
    if (p->what != Treatment::kCopy) continue;
    jobs.push_back({cut.start, p->buffer + (cut.start - p->range.start), cut.size()});
    p->in_rounds.push_back(cut);
  }
}

void MemoryCopier::list_tracked(Range mapping, const DirtyTracker::Pages& tracked,
                                std::vector<CopyJob>& jobs) {
  auto p = std::partition_point(planned_.begin(), planned_.end(),
                                [&](const Planned& each) { return each.range.end <= mapping.start; });
  for (; p != planned_.end() && p->range.start < mapping.end; ++p) {
    if (p->what != Treatment::kCopy) continue;
    const Range here{std::max(mapping.start, p->range.start), std::min(mapping.end, p->range.end)};
    each_within(tracked.written, here, [&](Range run) {
      const Range cut{std::max(run.start, here.start), std::min(run.end, here.end)};
      jobs.push_back({cut.start, p->buffer + (cut.start - p->range.start), cut.size()});
    });
    each_within(tracked.vanished, here, [&](Range gap) {
      p->vanished.push_back({std::max(gap.start, here.start), std::min(gap.end, here.end)});
    });
  }
}

std::uint64_t MemoryCopier::copy_round(DirtyTracker& tracker) {
  copied_itself_ = true;
  const Mappings now = process_.mappings();
  plan_more(now);
  std::vector<CopyJob> jobs;
  watched_ = watchable(now);
  for (const Range& range : watched_)
    for (const Range& run : tracker.take(range)) place(run, jobs);
  const std::uint64_t copied = copy_jobs(process_, jobs, {.by = CopyBy::kMemoryFile}).copied;
  bytes_in_rounds_ += copied;
  return copied;
}

// Looked at is what was mapped a moment ago, for to list what is mapped now takes a third of a millisecond.
// That is done meanwhile, and then what nobody can watch is copied.
bool MemoryCopier::copy_rest(const DirtyTracker& tracker, std::uint64_t most, Mappings& now) {
  std::vector<CopyJob> unwatched;
  std::uint64_t copied = 0;
  DirtyTracker::Pages tracked = tracker.look(watched_, [&] {
    now = process_.mappings();
    unwatched = list(now, false);
    copied = copy_jobs(process_, unwatched, {.by = by_what_is_shared(), .urgent = urgent_}).copied;
  });
  if (std::vector<Range> watched = watchable(now); watched != watched_) {
    watched_.swap(watched);
    tracked = tracker.look(watched_);
  }
  std::vector<CopyJob> jobs;
  for (const Range& mapping : watched_) list_tracked(mapping, tracked, jobs);
  bytes_listed_ = bytes_of(unwatched) + bytes_of(jobs);
  if (bytes_listed_ > most) return false;
  bytes_copied_ = bytes_in_rounds_ + copied +
                  copy_jobs(process_, jobs, {.by = by_what_is_shared(), .urgent = urgent_}).copied;
  return true;
}

std::vector<std::uint64_t> MemoryCopier::wrong_pages() {
  constexpr std::uint64_t kPiece = 1 << 20;
  std::vector<std::uint64_t> wrong;
  std::vector<std::byte> bytes(kPiece);
  for (const Planned& p : planned_) {
    if (p.what != Treatment::kCopy) continue;
    each_within(watched_, p.range, [&](Range mapping) {
      const Range here{std::max(mapping.start, p.range.start), std::min(mapping.end, p.range.end)};
      for (const Range& run : page_runs(pages_, here, PageMap::is_present))
        for (std::uint64_t at = run.start; at < run.end; at += kPiece) {
          const std::uint64_t size = std::min(kPiece, run.end - at);
          copy_all(process_, pages_, {{at, bytes.data(), size}});
          for (std::uint64_t page = 0; page < size; page += kPage)
            if (std::memcmp(bytes.data() + page, p.buffer + (at + page - p.range.start), kPage) != 0)
              wrong.push_back(at + page);
        }
    });
  }
  return wrong;
}

void MemoryCopier::forget_rounds() {
  for (Planned& p : planned_) {
    for (const Range& run : p.in_rounds) std::memset(p.buffer + (run.start - p.range.start), 0, run.size());
    p.in_rounds.clear();
    p.vanished.clear();
  }
  bytes_in_rounds_ = 0;
}

void MemoryCopier::drop_vanished() {
  for (Planned& p : planned_)
    if (!p.vanished.empty() && !p.in_rounds.empty())
      zero_common(p.in_rounds, p.vanished, p.buffer, p.range.start);
}

}  // namespace heapglass
