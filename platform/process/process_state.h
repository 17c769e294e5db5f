// What state a process is in, as far as the kernel tells.
#pragma once

#include <string>
#include <vector>

#include "lib/target/capture.h"
#include "lib/target/target.h"
#include "platform/process/process.h"

namespace heapglass {

// Of the moment at which it was captured; empty where it ran as processes do.
std::vector<TargetState> states_of(const Process& process, const Capture& capture);

// "process 4712 (gdb -p 4711)"
std::string describe_process(pid_t pid);

}  // namespace heapglass
