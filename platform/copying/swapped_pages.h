// Pages that were in swap and were brought in to be read: they go back there.
#pragma once

#include <string>
#include <vector>

#include "platform/process/page_map.h"
#include "platform/process/process.h"

namespace heapglass {

// Asks the kernel to page them out again (man 2 process_madvise, Linux 5.10, CAP_SYS_NICE). Returns what
// people should know of it; empty where there are none.
std::string page_out_again(const Process& process, const std::vector<Range>& swapped);

}  // namespace heapglass
