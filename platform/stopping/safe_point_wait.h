// Looks for a good moment of a process that runs: from outside until it seems to have come, then once more
// when the process is held, for by then it may have gone.
#pragma once

#include <chrono>
#include <optional>

#include "lib/target/safe_point.h"
#include "platform/process/process.h"

namespace heapglass {

// For every way of holding a process: await(), hold it, and where is_safe_now() is false let go and begin
// anew.
class SafePointWait {
 public:
  SafePointWait(const Process& process, const SafePoint& safe_point);  // both borrowed

  // Until the moment is good, as far as one can tell from outside, or there is no more use in waiting: the
  // budget is spent, or the process stands still. Touches nothing.
  void await();
  // In the stop, microseconds: whether to go on. Also where no good moment came.
  bool is_safe_now();
  // Whether the last is_safe_now() was for lack of a good moment.
  bool gave_up() const { return gave_up_; }
  unsigned looks() const { return looks_; }  // how often is_safe_now() was asked

 private:
  using Clock = std::chrono::steady_clock;
  bool good() const;
  bool stands_still();

  const Process& process_;
  const SafePoint& moment_;
  const Clock::time_point until_;
  std::optional<Clock::time_point> idle_since_;
  std::chrono::nanoseconds processor_time_{};
  bool no_use_ = false, gave_up_ = false;
  unsigned looks_ = 0;
};

}  // namespace heapglass
