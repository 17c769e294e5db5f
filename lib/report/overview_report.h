// What `heapglass TARGET` answers: who it is, where its memory is, what may leak, and what to ask next, on
// one screen.
#pragma once

#include <string>

#include "lib/heap/heap.h"
#include "lib/memory/memory_bill.h"
#include "lib/render/report.h"

namespace heapglass {

// The heap was captured with residency and open files. `target`: as the next command is given it.
Document overview_document(const Heap& heap, const std::string& target);

// "[OOOOBBBCC..]": `width` letters, each for a part of the bill in proportion to its bytes; what has less
// than half a letter's worth may have none. Empty where the bill has no bytes.
std::string bar_of(const MemoryBill& bill, std::size_t width);

}  // namespace heapglass
