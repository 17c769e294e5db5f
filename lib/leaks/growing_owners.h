// Owners of which ever more hangs while nothing of them is a suspect by its pattern: one member that grows
// where it stands, many small things without a collection.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/heap/owners.h"
#include "lib/leaks/leak_search.h"
#include "lib/leaks/suspect.h"

namespace heapglass {

// What hung in each owner at one moment, by its path.
struct OwnerSum {
  std::uint64_t objects = 0, bytes = 0;
};
using OwnerSums = std::map<std::string, OwnerSum>;
OwnerSums sums_of(const Owners& owners);

// `suspects` have their growth and are in its order, and stay so. `before`: the looks before, the earliest
// first; `last` are the owners of the heap that is searched.
void add_growing_owners(const LeakSearch& search, const Owners& last, const std::vector<OwnerSums>& before,
                        std::vector<Suspect>& suspects);

}  // namespace heapglass
