#include "lib/heap/address_index.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace heapglass {

void AddressIndex::Free::operator()(std::atomic<std::uint64_t>* p) const { std::free(p); }

AddressIndex::AddressIndex(std::shared_ptr<const Image> image) : image_(std::move(image)) {
  for (const Image::Segment& s : image_->segments())
    if (s.heap) heap_segments_.push_back({s.start, s.position, (s.size + 511) / 512 * 512});
  blocks_ = (image_->heap_positions() / 8 + 511) / 512;
  // calloc, not a vector: of a large sparse heap most pages of this are never touched and never become real.
  void* words = std::calloc(blocks_ * 8 + 8, sizeof(std::atomic<std::uint64_t>));
  if (!words) throw std::bad_alloc();
  words_.reset(static_cast<std::atomic<std::uint64_t>*>(words));
}

void AddressIndex::freeze() {
  ranks_.resize(blocks_ + 1);
  std::uint64_t sum = 0;
  for (std::uint64_t b = 0; b < blocks_; ++b) {
    ranks_[b] = static_cast<std::uint32_t>(sum);
    for (unsigned i = 0; i < 8; ++i) sum += popcount(words_[b * 8 + i]);
    if (sum >= index(kNoNode)) throw std::length_error("more than 4 billion objects");
  }
  ranks_[blocks_] = static_cast<std::uint32_t>(sum);
  count_ = static_cast<std::uint32_t>(sum);
}

std::size_t AddressIndex::segment_at(std::uint64_t position) const {
  const auto after = std::upper_bound(heap_segments_.begin(), heap_segments_.end(), position,
                                      [](std::uint64_t p, const HeapSegment& s) { return p < s.position; });
  return static_cast<std::size_t>(after - heap_segments_.begin()) - 1;
}

Address AddressIndex::address(NodeId node) const {
  const std::uint32_t n = index(node);
  const auto after = std::upper_bound(ranks_.begin(), ranks_.end(), n);
  std::uint64_t word = static_cast<std::uint64_t>(after - ranks_.begin() - 1) * 8;
  std::uint32_t left = n - *std::prev(after);
  while (left >= popcount(words_[word])) left -= popcount(words_[word++]);
  std::uint64_t bits = words_[word];
  for (; left; --left) bits &= bits - 1;
  const std::uint64_t position = (word << 6 | static_cast<std::uint64_t>(__builtin_ctzll(bits))) << 3;
  const HeapSegment& s = heap_segments_[segment_at(position)];
  return s.start + (position - s.position);
}

NodeId AddressIndex::last_before(Address a) const {
  const auto bit = bit_of(Address{value(a) & ~std::uint64_t{7}});
  if (!bit || count_ == 0) return kNoNode;
  // The rank of the bit counts the objects before it; the bit itself may be one.
  std::uint32_t rank = ranks_[*bit >> 9];
  for (std::uint64_t w = *bit >> 9 << 3; w < *bit >> 6; ++w) rank += popcount(words_[w]);
  const std::uint64_t mask = (*bit & 63) == 63 ? ~std::uint64_t{0} : (std::uint64_t{2} << (*bit & 63)) - 1;
  rank += static_cast<std::uint32_t>(__builtin_popcountll(words_[*bit >> 6].load() & mask));
  return rank == 0 ? kNoNode : NodeId{rank - 1};
}

}  // namespace heapglass
