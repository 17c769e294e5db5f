// Holds what was exported of a heap against the truth about it.
#pragma once

#include <array>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "cmd/tests/truth/told_heap.h"

namespace heapglass::truth {

enum Difference { kMissing, kTwice, kType, kSize, kTracked, kRefcount, kLost, kAdded };
constexpr std::array<const char*, 8> kDifferences{"missing", "twice",    "type", "size",
                                                  "gc",      "refcount", "lost", "added"};
using Counts = std::array<std::uint64_t, kDifferences.size()>;

// Every object of the truth is exported once, with its type, size, tracking and exactly its references, each
// as often as the interpreter names it. Reference counts are judged loosely: what the interpreter shares
// (None, names) moves by a few between the truth and the capture. Objects that only the export has are listed
// and are no error: the interpreter cannot walk to all that is there.
class Comparison {
 public:
  struct OfType {
    std::uint64_t objects = 0;
    Counts wrong{};
    std::array<std::string, kDifferences.size()> example;
  };

  Comparison(const ToldHeap& exported, const TypeNames& types);
  void compare(const ToldHeap& truth);

  std::uint64_t asked(Difference what) const { return asked_[what]; }  // how often the truth knew it
  // The rate of a judged thing; cut off, not rounded, so that 1.000000 means every one.
  double right(Difference what) const;
  bool exact(std::uint64_t allowed) const;
  // As much of the references is found, and of those told is right; types and tracking are no guesses.
  bool guessed_well(double least) const;

  const std::map<std::string, OfType>& types() const {
    return by_name_;
  }                                                            // of all objects that were compared
  std::map<std::string, std::uint64_t> only_exported() const;  // how many, by type

 private:
  using Ids = std::unordered_set<std::uint64_t>;
  const ToldObject* exported(std::uint64_t id) const {
    const auto at = at_.find(id);
    return at == at_.end() ? nullptr : &exported_.objects[at->second];
  }
  void differs(Difference what, const ToldObject& object, const std::string& text, std::uint64_t times = 1);
  void compare_object(const ToldHeap& truth, const ToldObject& object, const Ids& ours);
  void compare_references(const ToldHeap& truth, const ToldObject& object, const ToldObject& found,
                          const Ids& ours);
  Ids names_of_a_moment(const ToldHeap& truth) const;

  const ToldHeap& exported_;
  const TypeNames& types_;
  std::unordered_map<std::uint64_t, std::size_t> at_;  // of exported objects, by id
  Ids known_;                                          // of the truths
  std::map<std::string, OfType> by_name_;
  std::vector<OfType*> by_number_;
  Counts asked_{}, wrong_{};
  std::vector<std::uint64_t> want_, have_;  // of one object
};

}  // namespace heapglass::truth
