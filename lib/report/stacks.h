// Where every thread, task and greenlet stands, and what it waits for.
#pragma once

#include "lib/heap/heap.h"
#include "lib/render/report.h"

namespace heapglass {

struct StackOptions {
  bool locals = false;
  bool native = false;          // the machine code of every thread too: the heap has its binaries
  std::size_t most_frames = 0;  // of one stack; 0: all
  std::size_t repr = 0;         // characters of a value
  bool fold = false;            // threads, tasks and greenlets that stand alike are one row
};

Document stacks_document(const Heap& heap, const StackOptions& options);

}  // namespace heapglass
