// What there is at an address that is no object: for the message to who asked for it.
#pragma once

#include <string>

#include "lib/heap/heap_graph.h"
#include "lib/target/capture.h"

namespace heapglass {

// "it lies in the dict at 0x7f31c0d0, 24 bytes behind its start", "nothing is mapped there": ends a sentence.
std::string describe_address(const Capture& capture, const HeapGraph& graph, Address a);

}  // namespace heapglass
