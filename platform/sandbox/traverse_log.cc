#include "platform/sandbox/traverse_log.h"

#include "platform/sandbox/traverse_sandbox_stub.h"

namespace heapglass {

void TraverseLog::restart(std::uint64_t index) {
  index_ = index;
  in_object_ = false;
  referents_.clear();
}

TraverseLog::Verdict TraverseLog::take(std::uint64_t word, std::uint64_t available, const Done& done) {
  const std::uint64_t low = word & ((std::uint64_t{1} << stub::kTagShift) - 1);
  switch (word >> stub::kTagShift) {
    case 0:
      if (!in_object_ || word >= stub::kAddressEnd) return Verdict::kBroken;
      if (referents_.size() >= most_) return Verdict::kTooMany;
      referents_.push_back(Address{word});
      return Verdict::kFine;
    case stub::kBegin >> stub::kTagShift:
      if (in_object_ || low != index_ || index_ >= available) return Verdict::kBroken;
      in_object_ = true;
      referents_.clear();
      return Verdict::kFine;
    case stub::kEnd >> stub::kTagShift:
      if (!in_object_ || low > 64) return Verdict::kBroken;
      in_object_ = false;
      done(index_++, static_cast<int>(low), referents_);
      return Verdict::kFine;
    default:
      return Verdict::kBroken;
  }
}

}  // namespace heapglass
