// One sentence on what a memory bill comes to.
#pragma once

#include <string>

namespace heapglass {

struct MemoryBill;

// Sets verdict and verdict_text by the rows. `allocator` stands in malloc's place and does not tell what of
// its memory is free; empty where there is none such.
void judge(MemoryBill& bill, const std::string& allocator);

}  // namespace heapglass
