#include "lib/target/mappings.h"

#include <algorithm>

namespace heapglass {

const Mapping* find_mapping(const Mappings& mappings, Address a) {
  const auto after = std::upper_bound(mappings.begin(), mappings.end(), a,
                                      [](Address x, const Mapping& m) { return value(x) < value(m.start); });
  if (after == mappings.begin()) return nullptr;
  const Mapping& m = *std::prev(after);
  return value(a) < value(m.end) ? &m : nullptr;
}

}  // namespace heapglass
