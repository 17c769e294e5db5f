#include "lib/snapshot/saved_memory.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>

namespace heapglass {
namespace {

constexpr std::uint64_t kPagesPerBlock = 64;
std::uint64_t pages_of(std::uint64_t bytes) { return (bytes + kSnapshotPage - 1) / kSnapshotPage; }

class SavedPages {
 public:
  SavedPages(std::shared_ptr<const SnapshotFile> file, const std::vector<std::uint64_t>& sizes);

  std::byte* bytes(std::size_t segment) const { return segments_[segment].bytes.get(); }
  bool ready(std::size_t segment, std::uint64_t offset, std::uint64_t size) const {
    const Segment& s = segments_[segment];
    for (std::uint64_t p = offset / kSnapshotPage; p <= (offset + size - 1) / kSnapshotPage; ++p) {
      const State state = s.states[p].load(std::memory_order_acquire);
      if (state == State::kLoaded) continue;
      if (state == State::kAbsent) return false;
      load(s.first_page + p);
    }
    return true;
  }

 private:
  enum class State : std::uint8_t { kAbsent, kInFile, kLoaded };
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  struct Segment {
    std::uint64_t size = 0, first_page = 0;  // pages of the segments before
    // Zeroed pages cost nothing until they are filled.
    std::unique_ptr<std::byte, Free> bytes;
    std::unique_ptr<std::atomic<State>[]> states;
  };
  void load(std::uint64_t page) const;

  const std::shared_ptr<const SnapshotFile> file_;
  std::vector<Segment> segments_;
  std::vector<std::uint64_t> pages_;  // those of the file, ascending
  mutable std::mutex mutex_;
};

SavedPages::SavedPages(std::shared_ptr<const SnapshotFile> file, const std::vector<std::uint64_t>& sizes)
    : file_(std::move(file)) {
  std::uint64_t first = 0;
  for (const std::uint64_t size : sizes) {
    Segment s{.size = size, .first_page = first};
    s.bytes.reset(static_cast<std::byte*>(std::calloc(pages_of(size), kSnapshotPage)));
    if (!s.bytes) throw std::bad_alloc();
    s.states.reset(new std::atomic<State>[pages_of(size)]());
    first += pages_of(size);
    segments_.push_back(std::move(s));
  }
  pages_ = file_->column<std::uint64_t>("memory.page");
  if (file_->rows("memory.bytes") != pages_.size() * kSnapshotPage ||
      file_->rows_per_block("memory.bytes") != kPagesPerBlock * kSnapshotPage)
    file_->fail("memory.bytes", "there are not as many bytes as pages");
  std::size_t segment = 0;
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    if (pages_[i] >= first || (i && pages_[i] <= pages_[i - 1]))
      file_->fail("memory.page", "the pages are not in order");
    while (segment + 1 < segments_.size() && pages_[i] >= segments_[segment + 1].first_page) ++segment;
    segments_[segment].states[pages_[i] - segments_[segment].first_page] = State::kInFile;
  }
}

void SavedPages::load(std::uint64_t page) const {
  const auto at = std::lower_bound(pages_.begin(), pages_.end(), page);
  const std::uint64_t block = static_cast<std::uint64_t>(at - pages_.begin()) / kPagesPerBlock;
  const std::vector<std::byte> bytes = file_->block("memory.bytes", block);
  const std::lock_guard lock(mutex_);
  for (std::uint64_t i = 0; i < bytes.size() / kSnapshotPage; ++i) {
    const std::uint64_t p = pages_[block * kPagesPerBlock + i];
    const auto after = std::upper_bound(segments_.begin(), segments_.end(), p,
                                        [](std::uint64_t n, const Segment& s) { return n < s.first_page; });
    const Segment& s = *std::prev(after);
    std::atomic<State>& state = s.states[p - s.first_page];
    if (state == State::kLoaded) continue;  // another thread was here first, and its readers are reading
    std::memcpy(s.bytes.get() + (p - s.first_page) * kSnapshotPage, bytes.data() + i * kSnapshotPage,
                kSnapshotPage);
    state.store(State::kLoaded, std::memory_order_release);
  }
}

class Guard final : public SegmentGuard {
 public:
  Guard(std::shared_ptr<const SavedPages> pages, std::size_t segment)
      : pages_(std::move(pages)), segment_(segment) {}
  bool ready(std::uint64_t offset, std::uint64_t size) const override {
    return pages_->ready(segment_, offset, size);
  }

 private:
  const std::shared_ptr<const SavedPages> pages_;
  const std::size_t segment_;
};

}  // namespace

void save_memory(SnapshotWriter& writer, const Image& image, std::vector<TouchedPages::Page> touched) {
  const auto& segments = image.segments();
  std::vector<std::uint64_t> first_page;
  std::uint64_t pages = 0;
  for (const Image::Segment& s : segments) {
    first_page.push_back(pages);
    pages += pages_of(s.size);
  }
  writer.column<std::uint64_t>("memory.segment.start", segments.size(), Transform::kDelta,
                               [&segments](std::uint64_t i) { return value(segments[i].start); });
  writer.column<std::uint64_t>("memory.segment.size", segments.size(), Transform::kNone,
                               [&segments](std::uint64_t i) { return segments[i].size; });
  writer.column<std::uint8_t>("memory.segment.heap", segments.size(), Transform::kNone,
                              [&segments](std::uint64_t i) { return segments[i].heap; });
  const auto kept = std::make_shared<std::vector<TouchedPages::Page>>(std::move(touched));
  writer.column<std::uint64_t>(
      "memory.page", kept->size(), Transform::kDelta,
      [kept, first_page](std::uint64_t i) { return first_page[(*kept)[i].segment] + (*kept)[i].page; });
  writer.add("memory.bytes", 1, Transform::kNone, kept->size() * kSnapshotPage, kPagesPerBlock * kSnapshotPage,
             [kept, &segments](std::uint64_t first, std::uint64_t n, std::byte* out) {
               for (std::uint64_t at = first; at < first + n; at += kSnapshotPage, out += kSnapshotPage) {
                 const TouchedPages::Page& p = (*kept)[at / kSnapshotPage];
                 const Image::Segment& s = segments[p.segment];
                 const std::uint64_t offset = p.page * kSnapshotPage;
                 const std::uint64_t there = std::min(kSnapshotPage, s.size - offset);
                 std::memcpy(out, s.bytes + offset, there);
                 std::memset(out + there, 0, kSnapshotPage - there);
               }
             });
}

std::shared_ptr<Image> load_memory(std::shared_ptr<const SnapshotFile> file, std::uint64_t most_bytes) {
  const auto starts = file->column<std::uint64_t>("memory.segment.start");
  const auto sizes = file->column<std::uint64_t>("memory.segment.size", starts.size());
  const auto heap = file->column<std::uint8_t>("memory.segment.heap", starts.size());
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const bool behind = i == 0 || starts[i] - starts[i - 1] >= sizes[i - 1];
    if (sizes[i] == 0 || sizes[i] > most_bytes || (i && starts[i] <= starts[i - 1]) || !behind ||
        starts[i] >> 47 || (all += sizes[i]) > most_bytes)
      file->fail("memory.segment", "the pieces of memory are not in order, or none that there could be");
  }
  const auto pages = std::make_shared<const SavedPages>(file, sizes);
  auto image = std::make_shared<Image>();
  for (std::size_t i = 0; i < starts.size(); ++i)
    image->add({.start = Address{starts[i]}, .size = sizes[i], .bytes = pages->bytes(i), .heap = heap[i] != 0},
               nullptr);
  image->seal();
  if (image->segments().size() != starts.size())
    file->fail("memory.segment", "there is a piece of memory that no process can have");
  std::vector<std::shared_ptr<const SegmentGuard>> guards;
  for (std::size_t i = 0; i < starts.size(); ++i) guards.push_back(std::make_shared<Guard>(pages, i));
  image->guard(guards);
  return image;
}

}  // namespace heapglass
