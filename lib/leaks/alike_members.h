// A collection of a few members that are large each is one suspect, and its members are the evidence for it.
#pragma once

#include <vector>

#include "lib/leaks/leak_search.h"
#include "lib/leaks/suspect.h"

namespace heapglass {

// A suspect that was found, and the objects on the path to it.
struct FoundSuspect {
  Suspect suspect;
  std::vector<NodeId> path;
  bool known = false;  // it has the cure of a place that is known by name
};

// One part has so much of the whole that the whole is told with it.
inline bool is_most(std::uint64_t part, std::uint64_t whole) { return part > whole / 10 * 7; }

// Of candidates of one pattern: those that stand at the same place in several members of one collection
// become one, about the collection. Where one member has most of what all of them keep it stays a suspect for
// itself, and neither its small siblings nor the collection are any.
void join_alike_members(const LeakSearch& search, std::vector<FoundSuspect>& found);

}  // namespace heapglass
