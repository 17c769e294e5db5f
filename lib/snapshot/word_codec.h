// Words of memory as small numbers: each as its distance from the one at the same place of the last object of
// the same type.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/address.h"
#include "lib/snapshot/column_codec.h"

namespace heapglass {

// Pages are taken in groups of this many, each of which can be read without the others.
constexpr std::uint64_t kWordGroup = 512;

// FORMAT.md says how. Words come in order of address.
class WordCodec {
 public:
  // By object: addresses, ascending, and types, each below `types`. Both borrowed.
  WordCodec(std::span<const std::uint64_t> addresses, std::span<const std::uint32_t> type, std::size_t types)
      : addresses_(addresses), type_(type), last_(types * kPlaces) {}

  void begin_group(Address first) {
    std::fill(last_.begin(), last_.end(), 0);
    before_.fill(0);
    count_ = 0;
    next_ = static_cast<std::size_t>(std::upper_bound(addresses_.begin(), addresses_.end(), value(first)) -
                                     addresses_.begin());
  }
  std::uint64_t encode(Address at, std::uint64_t word) {
    std::uint64_t& likely = place(at);
    const std::uint64_t difference = word - likely;
    likely = word;
    return difference << 1 ^ (difference >> 63 ? ~std::uint64_t{0} : 0);
  }
  std::uint64_t decode(Address at, std::uint64_t stored) {
    std::uint64_t& likely = place(at);
    return likely += stored >> 1 ^ (stored & 1 ? ~std::uint64_t{0} : 0);
  }

 private:
  static constexpr std::uint64_t kPlaces = 64;  // of a type: its first words, and the two in front of it
  static constexpr std::uint64_t kInFront = 2;
  static constexpr std::size_t kPeriod = 6;  // of tables, whose rows have one, two or three words

  std::uint64_t& place(Address at) {
    const std::uint64_t a = value(at);
    while (next_ < addresses_.size() && addresses_[next_] <= a) ++next_;
    if (next_ < addresses_.size() && addresses_[next_] - a <= kInFront * 8)
      return last_[type_[next_] * kPlaces + kPlaces - (addresses_[next_] - a) / 8];
    if (next_ > 0) {
      const std::uint64_t word = (a - addresses_[next_ - 1]) / 8;
      if (word < kPlaces - kInFront) return last_[type_[next_ - 1] * kPlaces + word];
    }
    return before_[count_++ % kPeriod];
  }

  const std::span<const std::uint64_t> addresses_;
  const std::span<const std::uint32_t> type_;
  std::vector<std::uint64_t> last_;
  std::array<std::uint64_t, kPeriod> before_{};
  std::size_t count_ = 0, next_ = 0;
};

}  // namespace heapglass
