// What the kernel counts of a live process: /proc/PID/status. The process is not stopped for that.
#pragma once

#include <sys/types.h>

#include <optional>

#include "lib/target/target.h"

namespace heapglass {

// nullopt where the process is gone or has no memory any more.
std::optional<ResidentMemory> read_resident_memory(pid_t pid);

}  // namespace heapglass
