// A heap as one pprof file of a series that goes on for months: who owns its bytes, of which types they are,
// and, where tracemalloc traces, which lines allocated them. Captures of one service have the same stacks, of
// which there are not many, so that a server can compare them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/heap/heap.h"
#include "lib/render/report.h"

namespace heapglass {

// Sample types: inuse_space by owner, type_space and, where there are sites, site_space, each with its
// objects. Those by owner and by type add up to the heap; those by site to what tracemalloc traces, which is
// no object alone, and nothing from before it began.
std::string heap_profile(const Heap& heap);

// The name of a frame as it is in every capture: stable_name(), without lengths. "cache (dict of 5,000)" ->
// "cache (dict)".
std::string stable_frame(const std::string& name);

// Frames by their stable names, samples of one stack as one. Behind a frame whose whole part of the profile
// is below `least` stands "(others)", and what is not among the `most` largest stacks is one, "(others)".
Profile bounded_profile(const Profile& profile, std::size_t most, std::uint64_t least = 0);

}  // namespace heapglass
