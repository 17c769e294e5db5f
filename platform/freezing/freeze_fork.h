// --freeze=fork: have the target make one child, which is a copy of it and never runs, let the target go, and
// read the child.
#pragma once

#include "platform/freezing/freeze_strategy.h"

namespace heapglass {

std::string why_not_fork(const Process& process);
double estimate_fork_ms(CapturePlan& prepared);
Capture freeze_fork(CapturePlan& prepared, const SafePoint& moment, std::optional<double> max_pause_ms);

}  // namespace heapglass
