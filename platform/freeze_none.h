// --freeze=none: the copy of a target that runs on. No thread of it is stopped or traced; what it changes
// meanwhile is old in one place and new in another.
#pragma once

#include "platform/freeze_way.h"

namespace heapglass {

std::string why_not_none(const Process& process);
double estimate_none_ms(Prepared& prepared);
Capture freeze_none(Prepared& prepared, const GoodMoment& moment, std::optional<double> max_pause_ms);

}  // namespace heapglass
