// --freeze=copy: hold the target, copy the memory that can hold objects, let it go. Injects nothing.
#pragma once

#include "platform/freeze_strategy.h"

namespace heapglass {

std::string why_not_copy(const Process& process);
double estimate_copy_ms(CapturePlan& prepared);
Capture freeze_copy(CapturePlan& prepared, const SafePoint& moment, std::optional<double> max_pause_ms);

}  // namespace heapglass
