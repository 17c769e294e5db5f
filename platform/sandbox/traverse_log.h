// What a copied process writes about the objects it was asked for, checked word by word: the code that wrote
// it may be hostile. Addresses are data, nothing here follows them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/base/address.h"

namespace heapglass {

class TraverseLog {
 public:
  // Takes one finished object: its index, the signal that ended it (0: none), its referents.
  using Done = std::function<void(std::uint64_t index, int signal, std::span<const Address> referents)>;
  enum class Verdict { kFine, kTooMany, kBroken };

  // At most `most_referents` of one object are kept; kTooMany tells of more, once for each word.
  explicit TraverseLog(std::uint64_t most_referents) : most_(most_referents) {}

  // A new writer begins, with this object.
  void restart(std::uint64_t index);
  // `available`: objects that were handed out, so that no later one can be told of.
  Verdict take(std::uint64_t word, std::uint64_t available, const Done& done);

  std::uint64_t index() const { return index_; }  // the object in hand, or the next
  bool in_object() const { return in_object_; }
  std::uint64_t referents() const { return referents_.size(); }

  // May a writer claim to have written up to `head`?
  static bool plausible_head(std::uint64_t taken, std::uint64_t head, std::uint64_t ring_words) {
    return head >= taken && head - taken <= ring_words;
  }

 private:
  std::uint64_t most_;
  std::uint64_t index_ = 0;
  bool in_object_ = false;
  std::vector<Address> referents_;
};

}  // namespace heapglass
