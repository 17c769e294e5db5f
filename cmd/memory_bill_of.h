// What the memory of a session's target is, from its capture.
#pragma once

#include "cmd/session.h"
#include "lib/analysis/memory_bill.h"

namespace heapglass {

// The session was opened with residency. While others read the session; what this reads is not noted for a
// snapshot.
MemoryBill memory_bill_of(const Session& session);

}  // namespace heapglass
