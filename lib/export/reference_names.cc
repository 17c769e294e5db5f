#include "lib/export/reference_names.h"

namespace heapglass {

std::string ReferenceNames::name(NodeId referrer, std::uint64_t edge) {
  constexpr std::uint64_t kForgetAfter = 1 << 17;
  if (++asked_ % kForgetAfter == 0) labels_.forget();
  if (referrer != counted_) {
    counted_ = referrer;
    seen_.clear();
  }
  const NodeId referent = labels_.graph().referent[edge];
  return labels_.name_of(referrer, referent, seen_[index(referent)]++);
}

}  // namespace heapglass
