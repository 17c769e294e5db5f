// --freeze=copy: hold the target, copy the memory that can hold objects, let it go. Injects nothing. And
// --freeze=none, which does not hold it.
#pragma once

#include <memory>
#include <optional>

#include "lib/target/capture.h"
#include "platform/memory_copier.h"

namespace heapglass {

// Everything that needs no stopped target comes before the stop, in the constructor (maps, page map,
// pre-faulted buffers); everything that can wait comes after. Both throw Error kUnreachable.
class FreezeCopy {
 public:
  explicit FreezeCopy(const Process& process);  // borrowed
  // Once. What was prepared goes into the capture. With `max_pause_ms` the pause is estimated first, and
  // where it would be longer the target is not touched; where it gets longer all the same, it is let go then.
  // Both throw Error kUnreachable.
  Capture take(std::optional<double> max_pause_ms = std::nullopt);
  // The same copy for --freeze=none, of a target that runs on: no thread of it is stopped or traced; what it
  // changes meanwhile is old in one place and new in another.
  Capture take_running();

 private:
  void finish(Capture& capture);

  const Process& process_;
  std::shared_ptr<MemoryCopier> copier_;
  double prepare_ms_ = 0;
};

}  // namespace heapglass
