// --freeze=copy: hold the target, copy the memory that can hold objects, let it go. Injects nothing.
#pragma once

#include <chrono>
#include <memory>

#include "lib/target/capture.h"
#include "platform/process.h"

namespace heapglass {

struct FreezeOptions {
  std::chrono::milliseconds stop_deadline{2000};  // for all threads to have stopped
};

// Everything that needs no stopped target comes before the stop, in the constructor (maps, page map,
// pre-faulted buffers); everything that can wait comes after. Pages that the target has not got are not read,
// so none is made for it. Both throw Error kUnreachable.
class FreezeCopy {
 public:
  explicit FreezeCopy(const Process& process);  // borrowed
  ~FreezeCopy();
  // Once. What was prepared goes into the capture.
  Capture take(const FreezeOptions& options = {});

 private:
  class Copier;
  const Process& process_;
  std::shared_ptr<Copier> copier_;
  double prepare_ms_ = 0;
};

}  // namespace heapglass
