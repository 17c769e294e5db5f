// Reads of a heap what a snapshot with --cut-values keeps: names and shapes, and of each value its first
// bytes.
#pragma once

#include "cmd/session.h"

namespace heapglass {

// Leaves it noted by words in session.touched(). What lies behind the first `longest` bytes of a value,
// between objects, in freed blocks and on stacks is not noted, and so not in the file.
void read_cut_values(Session& session, std::uint64_t longest);

}  // namespace heapglass
