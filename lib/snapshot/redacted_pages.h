// Reads of a heap what is no value: types, counts, lengths, references, and names that stand in the program:
// of attributes, variables, classes, functions, modules and files.
#pragma once

#include "lib/heap/heap.h"
#include "lib/snapshot/read_recorder.h"

namespace heapglass {

// As a heap does that is opened on a file which has nothing else. `touched` notes it by words; hashes of
// keys, and bytes of unknown use, are made blank.
void record_redacted(const Heap& heap, const ReadRecorder& touched);

}  // namespace heapglass
