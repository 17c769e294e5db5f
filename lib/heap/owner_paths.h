// The dominator tree as a flame graph: the bytes that are retained, by who keeps them through whom.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/graph/dominators.h"
#include "lib/heap/labels.h"
#include "lib/heap/object_view.h"

namespace heapglass {

// Objects that one holder keeps and that are called alike are one; so are a holder and what it keeps under
// the same name, as in a linked list.
struct OwnerPath {
  std::vector<std::uint32_t> names;      // from the outermost keeper to the object; indices
  std::uint64_t bytes = 0, objects = 0;  // of objects that are at this place themselves
};

struct OwnerPaths {
  std::vector<std::string> names;  // "module app", "cache (dict)", "app.Session"
  std::vector<OwnerPath> paths;    // their bytes add up to those of the heap
};

// describe_container(), and of a module's namespace the module: while its code runs the frame holds that,
// too.
std::string describe_owner(Labels& labels, const ObjectView& values, NodeId node);

// At most `depth` names a path; what lies deeper is told at the last of them. What keeps less than
// `named_from` bytes is called by its type alone; 0: less than a small part of the heap.
OwnerPaths owner_paths(Labels& labels, const ObjectView& values, const Dominators& dominators, unsigned depth,
                       std::uint64_t named_from = 0);

}  // namespace heapglass
