// What the allocators have of a session's process, and the bill of its memory made from that; in a snapshot
// both as they were computed when it was taken.
#pragma once

#include <vector>

#include "cmd/session.h"
#include "lib/analysis/memory_bill.h"
#include "lib/query/heap_tables.h"

namespace heapglass {

struct MemoryAccount {
  MemoryBill bill;
  std::vector<ArenaRow> arenas;
};

// The session was opened with residency. While others read the session; what this reads is not noted for a
// snapshot.
MemoryAccount memory_account_of(const Session& session);
// One of the two alone.
MemoryBill memory_bill_of(const Session& session);
std::vector<ArenaRow> arenas_of(const Session& session);

}  // namespace heapglass
