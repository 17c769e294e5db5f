// One way of holding a process while its memory is taken. To add one: its file, and a row in
// freeze_strategies.cc.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "lib/target/freeze.h"
#include "lib/target/safe_point.h"
#include "platform/copying/capture_plan.h"

namespace heapglass {

// What is done at the moment of a capture, of which mappings and threads are known by then. `stopped`: the
// process is, and can share nothing more meanwhile. False: not all was taken, as `until` came first.
using TakeBytes = std::function<bool(Capture& capture, CopyClock::time_point until, bool stopped)>;

struct FreezeStrategy {
  FreezeMode mode;
  bool one_moment;  // what it gives is of one moment
  // Why it cannot hold that process here; empty where it can. Looks from outside only.
  std::string (*why_not)(const Process&);
  // For about how many ms it would hold it. Touches nothing.
  double (*estimate_ms)(CapturePlan&);
  // Once for each CapturePlan. With `max_pause_ms` it is let go then, whatever the estimate said. Throws
  // FreezeModeUnavailable, Error kUnreachable.
  Capture (*take)(CapturePlan&, const SafePoint&, std::optional<double> max_pause_ms);
};

}  // namespace heapglass
