// What the kernel counts of a live process: /proc/PID/status. The process is not stopped for that.
#pragma once

#include <sys/types.h>

#include <optional>

#include "lib/target/target.h"

namespace heapglass {

// nullopt where the process is gone or has no memory any more.
std::optional<ResidentMemory> read_resident_memory(pid_t pid);
// Adds what other processes map too, by /proc/PID/smaps_rollup (Linux 4.14, the parts by kind 5.2), which
// takes about as long as its page tables are long: 10 ms a GB. Nothing where that cannot be read.
void read_sharing(pid_t pid, ResidentMemory& memory);

}  // namespace heapglass
