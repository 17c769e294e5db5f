// One sentence on what a memory bill comes to.
#pragma once

namespace heapglass {

struct MemoryBill;

// Sets verdict and verdict_text by the rows.
void judge(MemoryBill& bill);

}  // namespace heapglass
