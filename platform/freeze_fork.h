// --freeze=fork: have the target make one child, which is a copy of it and never runs, let the target go, and
// read the child.
#pragma once

#include "platform/freeze_way.h"

namespace heapglass {

std::string why_not_fork(const Process& process);
double estimate_fork_ms(Prepared& prepared);
Capture freeze_fork(Prepared& prepared, const GoodMoment& moment, std::optional<double> max_pause_ms);

}  // namespace heapglass
