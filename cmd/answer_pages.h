// Reads all that answers may read of a heap, so that a snapshot keeps it.
#pragma once

#include "cmd/session.h"

namespace heapglass {

// Of texts and other long values the first `longest_value` bytes.
void record_answer_pages(Session& session, std::uint64_t longest_value);

}  // namespace heapglass
