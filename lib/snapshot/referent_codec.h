// Referents as small numbers: each as its distance from one that is likely the same or a neighbour.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lib/snapshot/column_codec.h"

namespace heapglass {

// Objects are taken in groups of this many, each of which can be read without the others.
constexpr std::uint32_t kReferentGroup = 1 << 16;

// Ids are what is coded; FORMAT.md says which.
class ReferentCodec {
 public:
  // The first referents of an object are compared, each by its place, with those of the last object of the
  // same type; the others, as in long containers, with the one before them.
  static constexpr std::uint32_t kPlaces = 8;

  explicit ReferentCodec(std::size_t types) : last_(types * kPlaces) {}
  void begin_group() { std::fill(last_.begin(), last_.end(), 0); }
  void begin_object(std::uint32_t type) {
    of_type_ = last_.data() + std::size_t{type} * kPlaces;
    place_ = 0;
  }
  std::uint32_t encode(std::uint32_t referent) {
    const std::uint32_t stored = zigzag(referent - likely());
    remember(referent);
    return stored;
  }
  std::uint32_t decode(std::uint32_t stored) {
    const std::uint32_t referent = likely() + unzigzag(stored);
    remember(referent);
    return referent;
  }

 private:
  std::uint32_t likely() const { return place_ < kPlaces ? of_type_[place_] : before_; }
  void remember(std::uint32_t referent) {
    if (place_ < kPlaces) of_type_[place_++] = referent;
    before_ = referent;
  }

  std::vector<std::uint32_t> last_;
  std::uint32_t* of_type_ = nullptr;
  std::uint32_t place_ = 0, before_ = 0;
};

}  // namespace heapglass
