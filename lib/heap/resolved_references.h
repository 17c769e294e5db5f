// The references that the resolver gave, by object.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "lib/base/address.h"

namespace heapglass {

class ResolvedReferences {
 public:
  // `type` is TypeInfo::index.
  void add(Address object, std::uint32_t type, std::span<const Address> referents) {
    entries_.push_back({object, referents_.size(), static_cast<std::uint32_t>(referents.size()), type});
    referents_.insert(referents_.end(), referents.begin(), referents.end());
  }
  // Drops the objects of the `distrusted` types. From here on find() answers, from many threads.
  void finish(const std::unordered_set<std::uint32_t>& distrusted) {
    std::erase_if(entries_, [&](const Entry& e) { return distrusted.count(e.type) > 0; });
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return value(a.object) < value(b.object); });
  }
  std::optional<std::span<const Address>> find(Address object) const {
    const auto at = std::lower_bound(entries_.begin(), entries_.end(), object,
                                     [](const Entry& e, Address a) { return value(e.object) < value(a); });
    if (at == entries_.end() || at->object != object) return std::nullopt;
    return std::span(referents_).subspan(at->first, at->count);
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Address object{};
    std::uint64_t first = 0;  // in referents_
    std::uint32_t count = 0, type = 0;
  };
  std::vector<Entry> entries_;
  std::vector<Address> referents_;
};

}  // namespace heapglass
