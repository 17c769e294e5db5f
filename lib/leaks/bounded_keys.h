// How many keys a dict can have by what its keys are.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/leaks/leak_search.h"

namespace heapglass {

// A class derived from enum.Enum.
bool is_enum(const LeakSearch& search, const TypeInfo& type);

// Of a dict whose keys are all members of Enum classes, truth values, None, or tuples of such: as many as
// there are. nullopt: it is no such dict, or it has more keys than that.
std::optional<std::uint64_t> most_keys(const LeakSearch& search, NodeId dict);

}  // namespace heapglass
