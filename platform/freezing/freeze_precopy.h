// --freeze=precopy: copy the target while it runs, in rounds, having the kernel tell what it writes
// meanwhile; then stop it for what was written last.
#pragma once

#include "platform/freezing/freeze_strategy.h"

namespace heapglass {

std::string why_not_precopy(const Process& process);
double estimate_precopy_ms(CapturePlan& prepared);
Capture freeze_precopy(CapturePlan& prepared, const SafePoint& moment, std::optional<double> max_pause_ms);

}  // namespace heapglass
