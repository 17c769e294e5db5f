// Who refers to many objects: every collection, module, class or frame that leads to them through nothing but
// small parts, each independent of the others. The objects are freed only when all of them have dropped them.
#pragma once

#include <span>
#include <vector>

#include "lib/graph/dominators.h"
#include "lib/heap/labels.h"

namespace heapglass {

struct CommonHolder {
  NodeId node{};
  std::uint64_t objects = 0;  // that it leads to
  std::uint64_t alone = 0;    // of those, that would go with it: it dominates them
};

// Most objects first. Looks through at most some hundred referrers of each object; what hangs in the object
// itself does not count.
std::vector<CommonHolder> find_common_holders(Labels& labels, const Dominators& dominators,
                                              std::span<const NodeId> objects);

}  // namespace heapglass
