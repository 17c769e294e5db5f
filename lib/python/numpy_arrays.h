// numpy's arrays as they stand in memory. No debug information tells of them, and their own code is run only
// where that is allowed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/python/objects.h"

namespace heapglass {

class NumpyArrays {
 public:
  explicit NumpyArrays(const Objects& objects);

  // An array that owns its data; nothing for a view, whose data is its base's, for an array without items,
  // and for one that contradicts itself.
  struct Owned {
    Address data{}, descr{};
    std::uint64_t items = 0, item_size = 0;
    std::int32_t dimensions = 0;
  };
  std::optional<Owned> owned(Address array) const;
  // How far from the start of an item of this descriptor its references are, ascending; only those that fit
  // into `item_size` bytes.
  std::vector<std::uint64_t> reference_offsets(Address descr, std::uint64_t item_size) const;

 private:
  struct DescrFields;
  template <class T>
  std::optional<T> field(Address object, std::int32_t offset) const {
    return o_.load<T>(object, offset + shift_);
  }
  Address pointer(Address object, std::int32_t offset) const { return o_.pointer(object, offset + shift_); }
  static const DescrFields& descr_1();
  static const DescrFields& descr_2();
  const DescrFields& layout_of(Address descr) const;
  std::uint64_t item_size(Address descr) const;

  const Objects& o_;
  const std::int32_t shift_;  // what the head of an object has more, in builds for debugging
};

}  // namespace heapglass
