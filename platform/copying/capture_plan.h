// What is known and ready before a process is held: the same for every way of holding it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/target/capture.h"
#include "lib/target/freeze.h"
#include "platform/copying/memory_copier.h"
#include "platform/files/quantity_text.h"

namespace heapglass {

// Everything of a capture that comes before the target is touched: maps, page map, pre-faulted buffers.
class CapturePlan {
 public:
  // The process is borrowed. Throws Error kUnreachable.
  CapturePlan(const Process& process, const FreezeRequest& request);

  const Process& process() const { return process_; }
  const std::shared_ptr<MemoryCopier>& copier() const { return copier_; }
  bool check_copy() const { return check_copy_; }
  // What copying would take at this moment, measured once.
  const MemoryCopier::Estimate& estimate();
  // Which pages are in memory, where that was asked for: when the target is held, before it is read.
  std::optional<Residency> residency(const Mappings& mappings) const;
  // After copier()->copy(): image, backing and what is known of the copy.
  void finish(Capture& capture) const;

 private:
  const Process& process_;
  std::shared_ptr<MemoryCopier> copier_;
  std::optional<MemoryCopier::Estimate> estimate_;
  const bool residency_, check_copy_;
  double prepare_ms_ = 0;
};

// A way that cannot be gone here after all; the target is as it was. what() is the reason.
class FreezeModeUnavailable : public Error {
 public:
  using Error::Error;
};

// Stopping and letting go: 0.03 to 0.1 ms for a few threads, 0.4 for 66, 3.5 for 502.
double stop_ms(std::size_t threads);

}  // namespace heapglass
