// References that are counted and that nobody has: what C code took and never gave back.
//
// A reference is a word somewhere that holds the object's address. An object that is counted more often than
// all of the process's memory and its threads' registers have its address is counted for references that are
// gone. Words that merely look like it, in memory that is free or not initialized, hide such a loss; they
// never make one up.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/heap/heap_graph.h"
#include "lib/python/objects.h"
#include "lib/target/capture.h"

namespace heapglass {

struct LeakedReferences {
  NodeId object{};
  std::uint64_t references = 0;  // counted, and nowhere to be found
};

// In order of address. Objects that are part of a program file or immortal are left out: their counts are not
// kept.
std::vector<LeakedReferences> find_leaked_references(const HeapGraph& graph, const Objects& objects,
                                                     const Capture& capture);

}  // namespace heapglass
