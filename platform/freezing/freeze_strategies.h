// The ways of holding a process, and which of them is taken.
#pragma once

#include <span>

#include "platform/freezing/freeze_strategy.h"

namespace heapglass {

// Safest first.
std::span<const FreezeStrategy> freeze_strategies();

// Takes the bytes as was asked for: by that way; with kAuto by the one that would hold it shortest of those
// that can, copying where that is short. A way that cannot be gone here is replaced by copying, with the
// reason in the notes. Where it would take longer than was permitted the target is not touched: throws Error
// kUnreachable that says which other way would do.
Capture capture_with(CapturePlan& prepared, const FreezeRequest& request, const SafePoint& moment);

}  // namespace heapglass
