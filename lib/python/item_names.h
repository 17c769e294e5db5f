// What the items of a tuple of a class with named fields are called: a namedtuple's, a struct sequence's.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "lib/python/types.h"

namespace heapglass {

// From one thread at a time. `types` is borrowed.
class ItemNames {
 public:
  explicit ItemNames(TypeTable& types) : types_(types) {}

  // By index, for instances of the class; empty where its descriptors do not say that an item is a field.
  // There may be fewer than an instance has items.
  const std::vector<std::string>& of(const TypeInfo& type);

 private:
  TypeTable& types_;
  std::unordered_map<std::uint64_t, std::vector<std::string>> by_type_;
};

}  // namespace heapglass
