// What a full collection would free now, by the collector's own reasoning on the copy: Modules/gcmodule.c,
// deduce_unreachable (Python/gc.c from 3.13 on).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/graph/graph.h"

namespace heapglass {

struct GarbageOptions {
  // By node: on the lists that a collection looks at; what gc.freeze() took off them is not.
  std::vector<bool> collected;
  std::function<std::uint64_t(NodeId)> refcount;
  std::function<bool(NodeId)> immortal;
  // Calls the second for what an object's end removes elsewhere, though others hold it: a class leaves the
  // lists of its bases.
  std::function<void(NodeId, const std::function<void(NodeId)>&)> takes_along;
};

struct Garbage {
  std::vector<NodeId> unreachable;  // what the collector would find; gc.collect() returns their number
  std::vector<NodeId> freed;        // those, and all that goes with them; in order of address
  struct Component {                // of `freed`, joined by references
    std::vector<NodeId> nodes;
    std::uint64_t bytes = 0;
  };
  std::vector<Component> components;  // most bytes first
};

// Nobody resurrects anything, which a finalizer may. References that are only guessed are left out of
// account: an object that such a reference leads to counts as held.
Garbage find_garbage(const Graph& graph, const GarbageOptions& options);

}  // namespace heapglass
