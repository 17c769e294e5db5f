// A child that a process was made to make, where the thread that was to wait for its end is gone: with the
// program that it was a thread of.
#pragma once

#include "platform/injection/syscall_gadgets.h"
#include "platform/process/process.h"
#include "platform/stopping/stopped_process.h"

namespace heapglass {

// Has one thread of the parent wait for a child that has ended, or is about to: it takes no signal of the
// child's end, so that the program never would. False where no thread comes to its stop: the child stays a
// zombie until the parent ends.
bool reap_via_parent(const Process& parent, const SyscallGadgets& sites, pid_t child);
// Children of it that send no signal at their end, and of those no other kind: what a helper of ours makes,
// and hardly a program ever.
std::vector<pid_t> clone_children(pid_t pid);

}  // namespace heapglass
