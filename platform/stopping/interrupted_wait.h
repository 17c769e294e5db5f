// Waits that come back with EINTR after a stop that nobody in the program asked for.
#pragma once

#include <sys/user.h>

namespace heapglass {

// After a ptrace stop the kernel goes on with most system calls where they were; a few return EINTR instead,
// to programs that may never have seen one: epoll_wait and its relatives, semop, semtimedop, sigtimedwait.
// Where such a wait has no time limit, so that beginning anew is the same as going on, this puts the kernel's
// own ERESTARTNOHAND (-514, include/linux/errno.h) in the place of EINTR in the registers of a stopped
// thread: it begins the call anew, unless a signal handler is to run, in which case it returns EINTR as it
// should. True: `regs` was changed and is to be set. x86-64 only; of waits with a time limit nobody can tell
// what is left.
bool restart_wait(user_regs_struct& regs);

}  // namespace heapglass
