// Bytes of the heap as a tree of names whose parts add up, for pictures that are walked into: the dominator
// tree from the roots down, and from the types up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/heap/heap.h"

namespace heapglass {

struct ShareTree {
  struct Place {
    std::uint32_t name = 0, parent = 0;  // the first place is its own parent and stands for all objects
    std::uint64_t bytes = 0;             // of it and of all below it, places that are not shown included
    std::uint64_t objects = 0;
  };
  std::vector<std::string> names;
  std::vector<Place> places;   // parents first
  std::uint64_t left_out = 0;  // places too small to be shown: their bytes are in their parents
};

// At most `most` places, the largest ones. Each holds objects that one object alone keeps alive.
ShareTree dominator_shares(const Heap& heap, std::size_t most);

// Below all objects their types, below a type what alone keeps its objects alive, type by type, and at the
// end of each such chain the owner.
ShareTree type_shares(const Heap& heap, std::size_t most);

// {"names": [...], "name": [...], "parent": [...], "bytes": [...], "objects": [...], "left_out": 0}
std::string json_of(const ShareTree& tree);

}  // namespace heapglass
