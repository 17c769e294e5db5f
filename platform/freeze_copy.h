// --freeze=copy: hold the target, copy the memory that can hold objects, let it go. Injects nothing.
#pragma once

#include <chrono>

#include "lib/target/capture.h"
#include "platform/process.h"

namespace heapglass {

struct FreezeOptions {
  std::chrono::milliseconds stop_deadline{2000};  // for all threads to have stopped
};

// Everything that needs no stopped target comes before the stop (maps, page map, pre-faulted buffers), everything
// that can wait comes after. Pages that the target has not got are not read, so none is made for it. Throws
// Error kUnreachable.
Capture freeze_copy(const Process& process, const FreezeOptions& options = {});

}  // namespace heapglass
