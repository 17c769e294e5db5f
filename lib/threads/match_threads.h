// Which thread of the kernel each Python thread runs on.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/python/frames.h"
#include "lib/target/capture.h"

namespace heapglass {

// Corrects thread_id and native_id. What a PyThreadState says of itself is of the thread that made it:
// to 3.12 that of a sub-interpreter may be run by another, and after a fork that C code has called it is the
// parent's.
void match_threads(const Objects& objects, const Capture& capture, std::int32_t pid,
                   std::vector<PyInterpreter>& interpreters);

}  // namespace heapglass
