// A thread that this very thread of ours traces (PTRACE_SEIZE): its registers, and what it stops for.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <optional>

namespace heapglass {

enum class TracedStop {
  kSystemCall,  // before or behind one (PTRACE_SYSCALL, with PTRACE_O_TRACESYSGOOD)
  kChild,       // it has made a thread or a process
  kHeld,        // PTRACE_INTERRUPT, a stop of the whole process, its first instruction
  kSignal,      // one is on its way to it, and waits for what we say
  kEnded,
};
// Waits for the next; `signal` is kSignal's.
TracedStop wait_for_stop(pid_t tid, int& signal);
// The same without waiting; nothing where it runs.
std::optional<TracedStop> look_for_stop(pid_t tid, int& signal);

// Of a thread that has stopped. False where they cannot be had.
bool get_registers(pid_t tid, user_regs_struct& registers);
bool set_registers(pid_t tid, const user_regs_struct& registers);

// What it has just made, at kChild.
pid_t made_child(pid_t tid);

}  // namespace heapglass
