// What was skipped, and why: printed under every report so that totals always add up.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "lib/base/address.h"

namespace heapglass {

enum class Skip : unsigned {
  kBadReference,     // a field that should hold an object holds none: caught half made, or damaged
  kUnreadable,       // memory that an object points to was not captured
  kImplausibleSize,  // a count or size that cannot be true
  kBadType,          // a type object that contradicts itself
  kBrokenList,       // a list of the collector that does not close
  kTooMany,          // a limit was reached
  kCount
};

constexpr std::string_view describe(Skip skip) {
  switch (skip) {
    case Skip::kBadReference:
      return "references that lead to no object";
    case Skip::kUnreadable:
      return "parts of objects that could not be read";
    case Skip::kImplausibleSize:
      return "objects with an impossible size";
    case Skip::kBadType:
      return "type objects that contradict themselves";
    case Skip::kBrokenList:
      return "collector lists that do not close";
    case Skip::kTooMany:
      return "limits reached";
    case Skip::kCount:
      break;
  }
  return "";
}

// Counts from many threads; the first address of each kind is kept as an example.
class ReadErrors {
 public:
  void skip(Skip why, Address where) {
    Entry& e = entries_[static_cast<unsigned>(why)];
    if (e.count.fetch_add(1, std::memory_order_relaxed) == 0) e.example = value(where);
  }
  // As one counted before, of a snapshot.
  void set(Skip why, std::uint64_t count, Address example) {
    entries_[static_cast<unsigned>(why)].count = count;
    entries_[static_cast<unsigned>(why)].example = value(example);
  }
  std::uint64_t count(Skip why) const { return entries_[static_cast<unsigned>(why)].count; }
  Address example(Skip why) const { return Address{entries_[static_cast<unsigned>(why)].example.load()}; }
  bool clean() const {
    for (const Entry& e : entries_)
      if (e.count) return false;
    return true;
  }

 private:
  struct Entry {
    std::atomic<std::uint64_t> count{0};
    std::atomic<std::uint64_t> example{0};
  };
  std::array<Entry, static_cast<unsigned>(Skip::kCount)> entries_{};
};

}  // namespace heapglass
