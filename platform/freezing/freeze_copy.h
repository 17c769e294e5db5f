// --freeze=copy: hold the target, copy the memory that can hold objects, let it go. Injects nothing.
#pragma once

#include <utility>

#include "platform/freezing/freeze_strategy.h"

namespace heapglass {

std::string why_not_copy(const Process& process);
double estimate_copy_ms(CapturePlan& prepared);
Capture freeze_copy(CapturePlan& prepared, const SafePoint& moment, std::optional<double> max_pause_ms);
// The same for whatever takes the bytes; a frozen process is not held, it stands. The second: whether all was
// taken within max_pause_ms.
std::pair<Capture, bool> take_held(const Process& process, const SafePoint& moment,
                                   std::optional<double> max_pause_ms, const TakeBytes& take);

}  // namespace heapglass
