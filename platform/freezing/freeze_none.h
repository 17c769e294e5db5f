// --freeze=none: the copy of a target that runs on. No thread of it is stopped or traced; what it changes
// meanwhile is old in one place and new in another.
#pragma once

#include "platform/freezing/freeze_strategy.h"

namespace heapglass {

std::string why_not_none(const Process& process);
double estimate_none_ms(CapturePlan& prepared);
Capture freeze_none(CapturePlan& prepared, const SafePoint& moment, std::optional<double> max_pause_ms);
// The same for whatever takes the bytes. Throws Error kUnreachable.
Capture take_running(const Process& process, const SafePoint& moment, const TakeBytes& take);

}  // namespace heapglass
