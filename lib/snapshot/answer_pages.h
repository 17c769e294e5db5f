// Reads all that answers may read of a heap, so that a snapshot keeps it.
#pragma once

#include <functional>

#include "lib/heap/heap.h"

namespace heapglass {

// Of texts and other long values the first `longest_value` bytes.
// `others` reads the answers that are not told object by object, such as stacks, with so many characters of
// each value.
using OtherAnswers = std::function<void(std::size_t repr)>;
void record_answer_pages(const Heap& heap, std::uint64_t longest_value, const OtherAnswers& others);

}  // namespace heapglass
