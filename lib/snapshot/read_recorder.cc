#include "lib/snapshot/read_recorder.h"

#include <algorithm>
#include <bit>

namespace heapglass {
namespace {

using Bits = std::unique_ptr<std::atomic<std::uint64_t>[]>;

void set(const Bits& bits, std::uint64_t at, std::uint64_t mask) {
  std::atomic<std::uint64_t>& word = bits[at];
  if ((word.load(std::memory_order_relaxed) & mask) != mask) word.fetch_or(mask, std::memory_order_relaxed);
}

// Calls visit(at, mask) for each word that has some of the bits [first, last].
template <class Visit>
void each_mask(std::uint64_t first, std::uint64_t last, Visit visit) {
  for (std::uint64_t at = first / 64; at <= last / 64; ++at) {
    std::uint64_t mask = ~std::uint64_t{0};
    if (at == first / 64) mask &= ~std::uint64_t{0} << (first % 64);
    if (at == last / 64) mask &= ~std::uint64_t{0} >> (63 - last % 64);
    visit(at, mask);
  }
}

}  // namespace

// A bit for each unit of the segment.
class ReadRecorder::Guard final : public SegmentGuard {
 public:
  Guard(std::uint64_t bytes, Unit unit)
      : unit_shift(unit == Unit::kWholePage ? std::countr_zero(kSnapshotPage) : 3),
        pages((bytes + kSnapshotPage - 1) / kSnapshotPage),
        touched(new std::atomic<std::uint64_t>[(pages * kSnapshotPage >> unit_shift) / 64 + 1]()),
        blank(by_word(unit)),
        hidden(by_word(unit)) {
    known = touched.get();
    known_shift = unit_shift;
  }
  bool ready(std::uint64_t offset, std::uint64_t size) const override {
    const std::uint64_t first = offset >> unit_shift, last = (offset + size - 1) >> unit_shift;
    // Nearly always, and asked for with every read.
    if (first == last) {
      if (hidden && hidden[first / 64].load(std::memory_order_relaxed) >> (first % 64) & 1) return false;
      set(touched, first / 64, std::uint64_t{1} << (first % 64));
      return true;
    }
    if (hidden) {
      std::uint64_t refused = 0;
      each_mask(first, last, [&](std::uint64_t at, std::uint64_t mask) {
        refused |= hidden[at].load(std::memory_order_relaxed) & mask;
      });
      if (refused) return false;
    }
    each_mask(first, last, [&](std::uint64_t at, std::uint64_t mask) { set(touched, at, mask); });
    return true;
  }
  void touch(std::uint64_t offset, std::uint64_t size) const {
    each_mask(offset >> unit_shift, (offset + size - 1) >> unit_shift,
              [&](std::uint64_t at, std::uint64_t mask) {
                set(touched, at, hidden ? mask & ~hidden[at].load(std::memory_order_relaxed) : mask);
              });
  }
  WordMask words(const Bits& bits, std::uint64_t page) const {
    WordMask mask{};
    for (std::size_t i = 0; i < mask.size(); ++i)
      mask[i] = bits[page * mask.size() + i].load(std::memory_order_relaxed);
    return mask;
  }
  const int unit_shift;  // bytes of a unit, as a power of two
  const std::uint64_t pages;
  const Bits touched;
  const Bits blank, hidden;  // by word

 private:
  Bits by_word(Unit unit) const {
    return Bits(unit == Unit::kWord ? new std::atomic<std::uint64_t>[pages * kWordsOfPage / 64 + 1]()
                                    : nullptr);
  }
};

ReadRecorder::ReadRecorder(std::shared_ptr<Image> image, Unit unit) : image_(std::move(image)), unit_(unit) {
  std::vector<std::shared_ptr<const SegmentGuard>> guards;
  for (const Image::Segment& s : image_->segments()) {
    guards_.push_back(std::make_shared<Guard>(s.size, unit));
    guards.push_back(guards_.back());
  }
  image_->guard(guards);
}

ReadRecorder::~ReadRecorder() { image_->guard({}); }

void ReadRecorder::touch(Address from, std::uint64_t bytes) const {
  const Image::Segment* s = image_->find(from);
  if (!s || bytes == 0) return;
  const std::uint64_t offset = from - s->start;
  guards_[static_cast<std::size_t>(s - image_->segments().data())]->touch(offset,
                                                                          std::min(bytes, s->size - offset));
}

template <class Change>
void ReadRecorder::change(Address from, std::uint64_t bytes, Change change) const {
  const Image::Segment* s = image_->find(from);
  if (!s || bytes == 0) return;
  const Guard& guard = *guards_[static_cast<std::size_t>(s - image_->segments().data())];
  const std::uint64_t begin = from - s->start;
  const std::uint64_t end = begin + std::min(bytes, s->size - begin) - 1;
  each_mask(begin / 8, end / 8, [&](std::uint64_t at, std::uint64_t mask) { change(guard, at, mask); });
}

void ReadRecorder::hide(Address from, std::uint64_t bytes) const {
  change(from, bytes, [](const Guard& guard, std::uint64_t at, std::uint64_t mask) {
    set(guard.hidden, at, mask);
    std::atomic<std::uint64_t>& word = guard.touched[at];
    // Most values were not read at all.
    if (word.load(std::memory_order_relaxed) & mask) word.fetch_and(~mask, std::memory_order_relaxed);
  });
}

void ReadRecorder::reveal(Address from, std::uint64_t bytes) const {
  change(from, bytes, [](const Guard& guard, std::uint64_t at, std::uint64_t mask) {
    std::atomic<std::uint64_t>& word = guard.hidden[at];
    if (word.load(std::memory_order_relaxed) & mask) word.fetch_and(~mask, std::memory_order_release);
  });
}

void ReadRecorder::blank(Address word) const {
  const Image::Segment* s = image_->find(word);
  if (!s) return;
  const Guard& guard = *guards_[static_cast<std::size_t>(s - image_->segments().data())];
  const std::uint64_t at = (word - s->start) / 8;
  set(guard.blank, at / 64, std::uint64_t{1} << (at % 64));
}

void ReadRecorder::cut(Address word, unsigned bytes) const {
  const auto [place, is_new] = cut_.try_emplace(value(word), bytes);
  if (!is_new) place->second = std::min(place->second, bytes);
  blank(word);
}

void ReadRecorder::replace(Address word, std::uint64_t seen) const {
  replaced_[value(word)] = seen;
  blank(word);
}

bool ReadRecorder::has(Address word, const std::unique_ptr<std::atomic<std::uint64_t>[]> Guard::*bits) const {
  const Image::Segment* s = image_->find(word);
  if (!s) return false;
  const std::uint64_t at = (word - s->start) / 8;
  const Guard& guard = *guards_[static_cast<std::size_t>(s - image_->segments().data())];
  return (guard.*bits)[at / 64].load(std::memory_order_acquire) >> (at % 64) & 1;
}

bool ReadRecorder::is_touched(Address word) const { return has(word, &Guard::touched); }
bool ReadRecorder::is_hidden(Address word) const { return has(word, &Guard::hidden); }
bool ReadRecorder::is_blank(Address word) const { return has(word, &Guard::blank); }

void ReadRecorder::reveal_whole_of(const ReadRecorder& other) const {
  for (std::size_t s = 0; s < guards_.size(); ++s) {
    const Guard &mine = *guards_[s], &theirs = *other.guards_[s];
    for (std::uint64_t i = 0; i <= mine.pages * kWordsOfPage / 64; ++i) {
      const std::uint64_t hidden = mine.hidden[i].load(std::memory_order_relaxed);
      if (!hidden) continue;
      mine.hidden[i].store(hidden & ~(theirs.touched[i].load(std::memory_order_relaxed) &
                                      ~theirs.blank[i].load(std::memory_order_relaxed)),
                           std::memory_order_relaxed);
    }
  }
}

void ReadRecorder::take_over(const ReadRecorder& other) const {
  for (std::size_t s = 0; s < guards_.size(); ++s) {
    const Guard &mine = *guards_[s], &theirs = *other.guards_[s];
    for (std::uint64_t i = 0; i <= mine.pages * kWordsOfPage / 64; ++i) {
      const std::uint64_t touched = mine.touched[i].load(std::memory_order_relaxed);
      const std::uint64_t blank = mine.blank[i].load(std::memory_order_relaxed);
      const std::uint64_t also_touched = theirs.touched[i].load(std::memory_order_relaxed);
      const std::uint64_t also_blank = theirs.blank[i].load(std::memory_order_relaxed);
      const std::uint64_t whole = (touched & ~blank) | (also_touched & ~also_blank);
      mine.touched[i].store(touched | also_touched, std::memory_order_relaxed);
      mine.blank[i].store((blank | also_blank) & ~whole, std::memory_order_relaxed);
    }
  }
  const auto is_whole = [this](const auto& each) { return !is_blank(Address{each.first}); };
  for (const auto& [word, bytes] : other.cut_) {
    cut_[word] = bytes;
    replaced_.erase(word);
  }
  for (const auto& [word, seen] : other.replaced_) replaced_[word] = seen;
  std::erase_if(cut_, is_whole);
  std::erase_if(replaced_, is_whole);
}

std::vector<ReadRecorder::Page> ReadRecorder::pages() const {
  std::vector<Page> out;
  for (std::uint32_t s = 0; s < guards_.size(); ++s) {
    const Guard& guard = *guards_[s];
    for (std::uint64_t p = 0; p < guard.pages; ++p) {
      bool any = false;
      if (guard.unit_shift == 3) {
        for (const std::uint64_t bits : guard.words(guard.touched, p)) any |= bits != 0;
      } else {
        any = guard.touched[p / 64].load(std::memory_order_relaxed) >> (p % 64) & 1;
      }
      if (any) out.push_back({s, p});
    }
  }
  return out;
}

WordMask ReadRecorder::read_of(Page page) const {
  const Guard& guard = *guards_[page.segment];
  return guard.words(guard.touched, page.page);
}

WordMask ReadRecorder::blank_of(Page page) const {
  const Guard& guard = *guards_[page.segment];
  return guard.blank ? guard.words(guard.blank, page.page) : WordMask{};
}

}  // namespace heapglass
