// The threads of a process, and one of ours to hold them from.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "lib/target/capture.h"

namespace heapglass {

std::vector<pid_t> list_threads(pid_t pid);                     // of /proc/PID/task; empty where it is gone
std::string task_file(pid_t pid, pid_t tid, const char* name);  // text of /proc/PID/task/TID/NAME
char thread_state(pid_t pid, pid_t tid);                        // the letter of its stat; ? where it is gone
std::string thread_name(pid_t pid, pid_t tid);                  // comm
pid_t tracer_of(pid_t pid, pid_t tid);                          // TracerPid; 0: nobody
// What is known of a thread without holding it: where it stands, if it waits in the kernel.
ThreadRegisters look_at_thread(pid_t pid, pid_t tid);
std::vector<ThreadRegisters> look_at_threads(pid_t pid);
// Adds what may be asked once nothing is stopped any more: names, and ids in the process' own pid namespace.
void name_threads(pid_t pid, std::vector<ThreadRegisters>& threads);

// The calling thread comes before all ordinary ones from now on, those that it makes too, where that is
// permitted (CAP_SYS_NICE). Not for who waits for others to get a processor.
void raise_priority();

// The same undone: it is an ordinary thread again. Of every thread of a process: lower_priority().
void end_priority();
void lower_priority(pid_t pid);

// Sleeps so long, or until a signal.
void nap(std::chrono::nanoseconds time);

// Runs `work` on a thread of its own that comes before others where that is permitted, and waits for its end;
// what it throws is thrown here.
void run_on_priority_thread(const std::function<void()>& work);

// The calling thread, and those that it makes from here on, come behind others by so many steps of nice (0 to
// 19), or stay where they are if they are behind already. Who is not permitted more (CAP_SYS_NICE) cannot
// undo it.
void yield_to_others(int steps);
// Where the system is short of memory the kernel ends this process first, before any that it looks at.
void be_first_to_be_killed();

}  // namespace heapglass
