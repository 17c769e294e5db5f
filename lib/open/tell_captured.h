// Tells the program that runs this one that the capture is over.
#pragma once

namespace heapglass {

// HEAPGLASS_CAPTURED_FD in the environment: a descriptor by which that program, as guard does, wants to know
// that nothing of the target is read any more. Gives up the priority that guard gave to capture before the
// kernel kills. Without the variable nothing is done.
void tell_captured();

}  // namespace heapglass
