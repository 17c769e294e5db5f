// The captured memory of one moment. Reads are pointer look-ups, safe from many threads, for any address.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/address.h"
#include "lib/target/memory_reader.h"

namespace heapglass {

// Asked before bytes of a segment are read, where they are not simply there: a snapshot's come page by page,
// and who writes one notes what is read. From many threads.
struct SegmentGuard {
  virtual ~SegmentGuard() = default;
  // True: ready() would say so again, and change nothing. Asked first, since nearly all reads are of what was
  // read before.
  bool is_known(std::uint64_t offset, std::uint64_t size) const {
    if (!known) return false;
    const std::uint64_t first = offset >> known_shift, last = (offset + size - 1) >> known_shift;
    if (first / 64 != last / 64) return false;
    const std::uint64_t mask = ~std::uint64_t{0} >> (63 - (last - first)) << (first % 64);
    return (known[first / 64].load(std::memory_order_relaxed) & mask) == mask;
  }
  // False where some of the bytes [offset, offset + size) of the segment, 0 < size, are not to be had.
  virtual bool ready(std::uint64_t offset, std::uint64_t size) const = 0;

 protected:
  // A bit for each 2^known_shift bytes of the segment, where who guards keeps one.
  const std::atomic<std::uint64_t>* known = nullptr;
  int known_shift = 0;
};

class Image final : public MemoryReader {
 public:
  struct Segment {
    Address start{};
    std::uint64_t size = 0;  // bytes
    const std::byte* bytes = nullptr;
    bool heap = false;           // captured writable memory: objects can live here
    std::uint64_t position = 0;  // heap segments: bytes of heap segments before this one, 512-aligned
    const SegmentGuard* guard = nullptr;  // lives as long as the image
  };

  Image();

  // Segments in any order, not overlapping. `owner` keeps the bytes alive for the image's life.
  void add(Segment segment, std::shared_ptr<void> owner);
  // Sorts, checks and indexes; reads work from here on. Overlaps and empty segments are dropped.
  void seal();

  // The bytes [a, a + size) where one segment holds them all, else nullptr: also where a snapshot does not
  // have some of them. Nobody gets zeros for what is not there, and nobody may pass over it.
  [[nodiscard, gnu::always_inline]] const std::byte* at(Address a, std::uint64_t size) const {
    const Segment* s = find(a);
    if (!s) return nullptr;
    const std::uint64_t offset = a - s->start;
    if (size > s->size - offset) return nullptr;
    if (s->guard && size && !s->guard->is_known(offset, size) && !s->guard->ready(offset, size))
      return nullptr;
    return s->bytes + offset;
  }
  // The segment that holds `a`.
  const Segment* find(Address a) const {
    const std::uint64_t v = value(a);
    if (v >> kAddressBits) return nullptr;
    const std::uint32_t first = leaves_[std::size_t{top_[v >> 30]} << 10 | (v >> 20 & 1023)];
    if (first == kNone) return nullptr;
    for (const Segment* s = segments_.data() + first; s != segments_.data() + segments_.size(); ++s) {
      if (v < value(s->start)) return nullptr;
      if (v - value(s->start) < s->size) return s;
    }
    return nullptr;
  }
  template <class T>
  [[nodiscard]] bool load(Address a, T& out) const {
    const std::byte* p = at(a, sizeof(T));
    if (!p) return false;
    std::memcpy(&out, p, sizeof(T));
    return true;
  }
  [[nodiscard]] bool read(Address from, std::span<std::byte> to) const override;

  const std::vector<Segment>& segments() const { return segments_; }
  // One for each segment from now on, in their order; empty: none. While nobody else reads.
  void guard(const std::vector<std::shared_ptr<const SegmentGuard>>& guards);
  // End of the positions of heap segments: the length of an address index over them, in bytes.
  std::uint64_t heap_positions() const { return heap_positions_; }

 private:
  static constexpr unsigned kAddressBits = 47;  // two-level table: 1 GiB, then 1 MiB pieces
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::vector<Segment> segments_;
  std::vector<std::shared_ptr<void>> owners_;
  std::vector<std::shared_ptr<const SegmentGuard>> guards_;
  std::unique_ptr<std::uint32_t[]> top_;
  std::vector<std::uint32_t> leaves_;  // first segment that reaches into each 1 MiB piece
  std::uint64_t heap_positions_ = 0;
};

// The same bytes, of which no guard notes what is read.
std::shared_ptr<Image> unrecorded_view(const std::shared_ptr<Image>& image);

}  // namespace heapglass
