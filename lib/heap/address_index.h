// Addresses of objects to dense ids in order of address, and back: a bit for every 8 bytes of captured heap,
// and a count for every 512 of them. 1/64 of the heap, about 20 to 40 ns a look-up.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/base/address.h"
#include "lib/graph/node.h"
#include "lib/target/image.h"

namespace heapglass {

class AddressIndex {
 public:
  explicit AddressIndex(std::shared_ptr<const Image> image);

  // A place that an object may have: its bit, or nullopt.
  std::optional<std::uint64_t> bit_of(Address a) const {
    if (value(a) & 7) return std::nullopt;
    const Image::Segment* s = image_->find(a);
    if (!s || !s->heap) return std::nullopt;
    return (s->position + (a - s->start)) >> 3;
  }
  bool test(std::uint64_t bit) const {
    return words_[bit >> 6].load(std::memory_order_relaxed) >> (bit & 63) & 1;
  }
  // True where the bit was clear before. From many threads, before freeze().
  bool set(std::uint64_t bit) {
    const std::uint64_t mask = std::uint64_t{1} << (bit & 63);
    return !(words_[bit >> 6].fetch_or(mask, std::memory_order_relaxed) & mask);
  }
  void prefetch(std::uint64_t bit) const { __builtin_prefetch(&words_[bit >> 6]); }

  // Counts: from here on find and address answer. Throws std::length_error beyond 2^32 - 1 objects.
  void freeze();
  std::uint32_t count() const { return count_; }

  NodeId find(Address a) const {
    const auto bit = bit_of(a);
    return bit ? find_bit(*bit) : kNoNode;
  }
  NodeId find_bit(std::uint64_t bit) const {
    if (!test(bit)) return kNoNode;
    std::uint32_t rank = ranks_[bit >> 9];
    for (std::uint64_t w = bit >> 9 << 3; w < bit >> 6; ++w) rank += popcount(words_[w]);
    const std::uint64_t below =
        words_[bit >> 6].load(std::memory_order_relaxed) & ((std::uint64_t{1} << (bit & 63)) - 1);
    return NodeId{rank + static_cast<std::uint32_t>(__builtin_popcountll(below))};
  }
  Address address(NodeId node) const;
  // The object that `a` lies in or behind, by address alone: the last one that starts at or before it.
  NodeId last_before(Address a) const;

  // Blocks of 512 bits, for handing out work: the first node of block b is rank(b).
  std::uint64_t blocks() const { return blocks_; }
  std::uint32_t rank(std::uint64_t block) const { return ranks_[block]; }
  // Calls visit(Address) for every object of the blocks [first, last), ascending.
  template <class Visit>
  void each_in_blocks(std::uint64_t first, std::uint64_t last, Visit visit) const {
    std::size_t segment = 0;
    const auto& segments = heap_segments_;
    for (std::uint64_t w = first << 3; w < last << 3; ++w) {
      std::uint64_t word = words_[w].load(std::memory_order_relaxed);
      if (!word) continue;
      const std::uint64_t position = w << 9;
      if (segment >= segments.size() || position >= segments[segment].position + segments[segment].padded)
        segment = segment_at(position);
      const std::uint64_t base = value(segments[segment].start) + (position - segments[segment].position);
      for (; word; word &= word - 1)
        visit(Address{base + (static_cast<std::uint64_t>(__builtin_ctzll(word)) << 3)});
    }
  }

 private:
  struct HeapSegment {
    Address start;
    std::uint64_t position, padded;
  };
  static std::uint32_t popcount(const std::atomic<std::uint64_t>& w) {
    return static_cast<std::uint32_t>(__builtin_popcountll(w.load(std::memory_order_relaxed)));
  }
  std::size_t segment_at(std::uint64_t position) const;

  std::shared_ptr<const Image> image_;
  std::vector<HeapSegment> heap_segments_;
  struct Free {
    void operator()(std::atomic<std::uint64_t>* p) const;
  };
  std::unique_ptr<std::atomic<std::uint64_t>[], Free> words_;
  std::uint64_t blocks_ = 0;
  std::vector<std::uint32_t> ranks_;
  std::uint32_t count_ = 0;
};

}  // namespace heapglass
