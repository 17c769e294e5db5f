// The stack that a frame object stands on top of, where no thread runs it: a suspended greenlet's.
#pragma once

#include <vector>

#include "lib/base/limits.h"
#include "lib/python/frames.h"

namespace heapglass {

// Innermost first: the frame that the object stands for and those that called it. Frames between that C code
// made on its own stack may have been moved away with it: the chain ends before what is none any more.
std::vector<PyFrame> read_frame_chain(const Objects& objects, Address frame_object, const Limits& limits);

}  // namespace heapglass
