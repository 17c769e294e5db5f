#include "lib/snapshot/snapshot_pages.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "lib/snapshot/word_codec.h"

namespace heapglass {
namespace {

template <class T>
T* zeroed(std::uint64_t n) {
  void* const at = std::calloc(n, sizeof(T));
  if (!at) throw std::bad_alloc();
  return static_cast<T*>(at);
}

class Guard final : public SegmentGuard {
 public:
  Guard(std::shared_ptr<const SnapshotPages> pages, std::size_t segment)
      : pages_(std::move(pages)), segment_(segment) {}
  bool ready(std::uint64_t offset, std::uint64_t size) const override {
    return pages_->ready(segment_, offset, size);
  }

 private:
  const std::shared_ptr<const SnapshotPages> pages_;
  const std::size_t segment_;
};

}  // namespace

struct SnapshotPages::Words {
  std::vector<WordMask> masks;            // by kept page
  std::vector<std::uint64_t> first_word;  // by kept page, and one more
  // What the words are compared with: read when the first are.
  LargeVector<std::uint64_t> addresses;
  LargeVector<std::uint32_t> type;
  std::size_t types = 0;

  Words(const SnapshotFile& file, std::size_t pages) {
    const auto bits = file.column<std::uint64_t>("memory.mask", pages * WordMask().size());
    first_word.push_back(0);
    for (std::size_t p = 0; p < pages; ++p) {
      masks.emplace_back();
      std::copy_n(bits.begin() + static_cast<std::ptrdiff_t>(p * masks[p].size()), masks[p].size(),
                  masks[p].begin());
      first_word.push_back(first_word.back() + count_words(masks[p]));
    }
    if (file.rows("memory.words") != first_word.back())
      file.fail("memory.words", "there are not as many words as the pages have");
  }
  void need_objects(const SnapshotFile& file) {
    if (types) return;
    addresses = file.column<std::uint64_t>("objects.address");
    for (std::uint64_t& a : addresses) a <<= 3;
    type = file.column<std::uint32_t>("objects.type", addresses.size());
    types = file.rows("types.address");
    for (std::size_t i = 0; i < type.size(); ++i)
      if (type[i] >= types || (i && addresses[i] <= addresses[i - 1]))
        file.fail("objects", "an object is of no type, or where none can be");
  }
};

SnapshotPages::SnapshotPages(std::shared_ptr<const SnapshotFile> file, std::span<const std::uint64_t> starts,
                             std::span<const std::uint64_t> sizes)
    : file_(std::move(file)) {
  std::uint64_t pages = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::uint64_t n = snapshot_pages(sizes[i]);
    Segment s{.start = starts[i], .first_page = pages};
    s.bytes.reset(zeroed<std::byte>(n * kSnapshotPage));
    s.kept.reset(zeroed<std::uint32_t>(n));
    pages += n;
    segments_.push_back(std::move(s));
  }
  pages_ = file_->column<std::uint64_t>("memory.page");
  if (pages_.size() >= ~std::uint32_t{0})
    file_->fail("memory.page", "there are more pages than there can be");
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    if (pages_[i] >= pages || (i && pages_[i] <= pages_[i - 1]))
      file_->fail("memory.page", "the pages are not in order");
    Segment& s = segment_of(pages_[i]);
    s.kept.get()[pages_[i] - s.first_page] = static_cast<std::uint32_t>(i + 1);
  }
  loaded_.reset(new std::atomic<bool>[pages_.size()]());
  if (file_->has("memory.words")) {
    words_ = std::make_shared<Words>(*file_, pages_.size());
  } else if (file_->rows("memory.bytes") != pages_.size() * kSnapshotPage ||
             file_->rows_per_block("memory.bytes") != kPagesPerBlock * kSnapshotPage) {
    file_->fail("memory.bytes", "there are not as many bytes as pages");
  }
}

std::vector<std::shared_ptr<const SegmentGuard>> SnapshotPages::guards(
    const std::shared_ptr<const SnapshotPages>& pages) {
  std::vector<std::shared_ptr<const SegmentGuard>> out;
  out.reserve(pages->segments_.size());
  for (std::size_t i = 0; i < pages->segments_.size(); ++i) out.push_back(std::make_shared<Guard>(pages, i));
  return out;
}

SnapshotPages::Segment& SnapshotPages::segment_of(std::uint64_t page) {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), page,
                                      [](std::uint64_t n, const Segment& s) { return n < s.first_page; });
  return *std::prev(after);
}

std::byte* SnapshotPages::place_of(std::size_t kept, Address* address) const {
  const Segment& s = const_cast<SnapshotPages*>(this)->segment_of(pages_[kept]);
  const std::uint64_t offset = (pages_[kept] - s.first_page) * kSnapshotPage;
  if (address) *address = Address{s.start + offset};
  return s.bytes.get() + offset;
}

bool SnapshotPages::has_words(std::size_t kept, std::uint64_t from, std::uint64_t to) const {
  const WordMask& mask = words_->masks[kept];
  for (std::uint64_t w = from / 8; w <= to / 8; ++w)
    if (!(mask[w / 64] >> (w % 64) & 1)) return false;
  return true;
}

bool SnapshotPages::ready(std::size_t segment, std::uint64_t offset, std::uint64_t size) const {
  const Segment& s = segments_[segment];
  const std::uint64_t last = offset + size - 1;
  for (std::uint64_t p = offset / kSnapshotPage; p <= last / kSnapshotPage; ++p) {
    const std::uint32_t place = s.kept.get()[p];
    if (place == 0) return false;
    if (!loaded_[place - 1].load(std::memory_order_acquire)) load(place - 1);
    if (words_ && !has_words(place - 1, p == offset / kSnapshotPage ? offset % kSnapshotPage : 0,
                             p == last / kSnapshotPage ? last % kSnapshotPage : kSnapshotPage - 1))
      return false;
  }
  return true;
}

void SnapshotPages::load(std::size_t kept) const {
  if (words_) {
    load_words(kept);
  } else {
    load_block(kept);
  }
}

void SnapshotPages::load_block(std::size_t kept) const {
  const std::size_t block = kept / kPagesPerBlock;
  const std::vector<std::byte> bytes = file_->block("memory.bytes", block);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < bytes.size() / kSnapshotPage; ++i) {
    const std::size_t page = block * kPagesPerBlock + i;
    if (loaded_[page]) continue;  // another thread was here first, and its readers are reading
    std::memcpy(place_of(page), bytes.data() + i * kSnapshotPage, kSnapshotPage);
    loaded_[page].store(true, std::memory_order_release);
  }
}

void SnapshotPages::load_words(std::size_t kept) const {
  const std::size_t first = kept / kWordGroup * kWordGroup, end = std::min(first + kWordGroup, pages_.size());
  const std::lock_guard lock(mutex_);
  if (loaded_[kept]) return;
  words_->need_objects(*file_);
  const std::uint64_t begin = words_->first_word[first];
  const auto coded = file_->range<std::uint64_t>("memory.words", begin, words_->first_word[end] - begin);
  WordCodec codec(words_->addresses, words_->type, words_->types);
  std::size_t at = 0;
  for (std::size_t page = first; page < end; ++page) {
    Address start{};
    std::byte* const out = place_of(page, &start);
    if (page == first) codec.begin_group(start);
    each_word(words_->masks[page], [&](std::uint64_t w) {
      const std::uint64_t word = codec.decode(start + w * 8, coded[at++]);
      std::memcpy(out + w * 8, &word, 8);
    });
  }
  for (std::size_t page = first; page < end; ++page) loaded_[page].store(true, std::memory_order_release);
}

}  // namespace heapglass
