// What speaks against having a process make system calls for us, and against a second copy of it.
#pragma once

#include <string>

#include "platform/process/process.h"

namespace heapglass {

// Why its threads are not to be used for system calls; empty where they can be. A seccomp filter may kill for
// a call that the process would never have made itself; a shadow stack allows no return that was no call.
std::string why_not_inject(const Process& process);
// Why there may be no child of it that is a copy: what it writes while there is one is memory taken a second
// time, from the machine and its control groups, and the child is one more task. Empty where there is room
// for all of it.
std::string why_no_child(const Process& process);
// Writable pages of its own, which a child shares until one of the two writes. Bytes.
std::uint64_t cow_bytes(const Process& process);

}  // namespace heapglass
