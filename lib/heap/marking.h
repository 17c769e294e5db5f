// Finds every object that references, lists of the collector, or what asking and guessing tell lead to.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "lib/heap/builder.h"
#include "lib/heap/gc_work_lists.h"

namespace heapglass {

// What the resolver told, by object.
class Resolved {
 public:
  void add(Address object, std::uint32_t type, std::vector<Address>::size_type before) {
    entries_.push_back({object, before, static_cast<std::uint32_t>(referents.size() - before), type});
  }
  // In order of address, without the types that `distrusted` holds.
  void sort(const std::unordered_set<std::uint32_t>& distrusted) {
    std::erase_if(entries_, [&](const Entry& e) { return distrusted.count(e.type) > 0; });
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return value(a.object) < value(b.object); });
  }
  std::optional<std::span<const Address>> find(Address object) const {
    const auto at = std::lower_bound(entries_.begin(), entries_.end(), object,
                                     [](const Entry& e, Address a) { return value(e.object) < value(a); });
    if (at == entries_.end() || at->object != object) return std::nullopt;
    return std::span(referents).subspan(at->first, at->count);
  }
  std::size_t size() const { return entries_.size(); }
  std::vector<Address> referents;

 private:
  struct Entry {
    Address object{};
    std::uint64_t first = 0;
    std::uint32_t count = 0, type = 0;
  };
  std::vector<Entry> entries_;
};

// A word of memory refers once, so that there are no more references than words, but for those that a
// resolver tells. Lists whose damaged sizes make each of them claim all of memory would be as many as their
// product.
class EdgeBudget {
 public:
  explicit EdgeBudget(const Image& image)
      : left_(static_cast<std::int64_t>(image.heap_positions() / 8 * kTimes + kTimes * 4096)) {}
  // False: no more.
  bool spend(std::size_t edges) {
    return left_.fetch_sub(static_cast<std::int64_t>(edges), std::memory_order_relaxed) > 0;
  }

 private:
  static constexpr std::uint64_t kTimes = 4;  // two readers may tell one word; the rest is for doubt
  std::atomic<std::int64_t> left_;
};

// Sets the bits of `index`. Fills in what `resolved` and `report` say; `loose` is there while a collection
// goes on.
void mark_everything(AddressIndex& index, TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                     const std::vector<PyRoot>& roots, const BuildOptions& options, Resolved& resolved,
                     GcWorkLists* loose, ReadErrors& health, BuildReport& report);

}  // namespace heapglass
