// What is told of a capture and of the graph made from it: the target's state, and what is not exact.
#pragma once

#include <vector>

#include "lib/heap/heap.h"

namespace heapglass {

// What the kernel says of the target, and the interpreter of itself; a snapshot has both.
std::vector<TargetState> states_of(const HeapParts& parts);

// References that only words of structs told are likely, not sure. With the capture's own caveats, so that a
// snapshot has it.
void add_words_caveat(HeapParts& parts);

// Objects that are known by their blocks alone. Of a healthy process a few that C code has in its own
// variables, which are nothing to be told.
void add_unreached_caveat(HeapParts& parts);

}  // namespace heapglass
