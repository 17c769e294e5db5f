// Where a process runs and since when.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "lib/target/capture_origin.h"
#include "platform/process/process.h"

namespace heapglass {

// Without a time. What cannot be read is left out.
CaptureOrigin origin_of(const Process& process);

// The whole ids of the containers that a process is in, whatever runs them, the first the likeliest.
std::vector<std::string> containers_of(pid_t pid);

}  // namespace heapglass
