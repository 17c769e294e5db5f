// A thread that this very thread of ours traces (PTRACE_SEIZE): its registers, and what it stops for.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <chrono>
#include <optional>

namespace heapglass {

enum class TracedStop {
  kSystemCall,  // before or behind one (PTRACE_SYSCALL, with PTRACE_O_TRACESYSGOOD)
  kChild,       // it has made a thread or a process
  kHeld,        // PTRACE_INTERRUPT, a stop of the whole process, its first instruction
  kSignal,      // one is on its way to it, and waits for what we say
  kEnded,
  kLate,  // none came: it does not run (its control group may be frozen), or we are asked to end
};
// For a thread that runs to the next stop by itself; a machine that is busy makes it wait for a processor.
constexpr std::chrono::seconds kStopsWithin{2};
// Waits for the next, no longer than that; `signal` is kSignal's.
TracedStop wait_for_stop(pid_t tid, int& signal, std::chrono::milliseconds within = kStopsWithin);
// The same without waiting; nothing where it runs.
std::optional<TracedStop> look_for_stop(pid_t tid, int& signal);

// Of a thread that has stopped. False where they cannot be had.
bool get_registers(pid_t tid, user_regs_struct& registers);
bool set_registers(pid_t tid, const user_regs_struct& registers);

// What it has just made, at kChild.
pid_t made_child(pid_t tid);

}  // namespace heapglass
