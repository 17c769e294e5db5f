// Reads of a heap what a snapshot with --cut-values keeps: names and shapes, and of each value its first
// bytes.
#pragma once

#include "lib/snapshot/answer_pages.h"

namespace heapglass {

// Leaves it noted by words in the recorder. What lies behind the first `longest` bytes of a value,
// between objects, in freed blocks and on stacks is not noted, and so not in the file.
void read_cut_values(Heap& heap, std::uint64_t longest, const OtherAnswers& others);

}  // namespace heapglass
