// What the memory of a session's target is, from its capture.
#pragma once

#include "cmd/session.h"
#include "lib/analysis/memory_bill.h"

namespace heapglass {

// The session was opened with residency.
MemoryBill memory_bill_of(Session& session);

}  // namespace heapglass
