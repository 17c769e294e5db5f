// All threads of a process held by ptrace. Whatever way this ends, the threads go on as they were: the
// destructor lets them go, and where this process dies the kernel does.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <vector>

#include "lib/base/error.h"
#include "lib/target/capture.h"

namespace heapglass {

using StopClock = std::chrono::steady_clock;

// A thread did not come to its stop in time.
class CannotStop : public Error {
 public:
  using Error::Error;
};

class StoppedProcess {
 public:
  // Seizes every thread first, then asks them to stop: sleepers first, running threads last, so that those
  // wait shortest. A thread that sits in an uninterruptible wait of the kernel (vfork, a disk) counts as held
  // once it has been asked: it cannot run a single instruction of the program before its stop. Throws
  // CannotStop at `deadline`, Error kUnreachable where tracing is refused or the process goes away; then
  // nothing is held any more, but for threads that have not stopped: the kernel frees those when the thread
  // that asked ends, and nothing else does.
  StoppedProcess(pid_t pid, StopClock::time_point deadline);
  ~StoppedProcess() { resume(); }
  StoppedProcess(const StoppedProcess&) = delete;
  StoppedProcess& operator=(const StoppedProcess&) = delete;

  // Running threads first. Signals that arrived are delivered now. False: the end of this thread frees the
  // rest, or detach_stragglers(), called until it returns true.
  bool resume();
  bool detach_stragglers();

  const std::vector<ThreadRegisters>& threads() const { return registers_; }
  bool in_group_stop() const { return group_stop_; }  // SIGSTOP or ^Z before us: stays so
  // Those that have come to their stop, and not on their way to a signal handler.
  std::vector<pid_t> injectable_threads() const;

 private:
  struct Thread {
    pid_t tid = 0;
    char state = '?';
    bool stopped = false;
    bool waits_in_kernel = false;   // held without having stopped
    int pending_signal = 0;         // stopped on its way to the thread: handed on
    ThreadRegisters registers;      // once it has stopped
    bool is_interruptible = false;  // it waits in a call that comes back with EINTR after any signal
  };
  bool seize_new_threads();
  void interrupt_and_wait(std::size_t from, StopClock::time_point until);
  bool wait_one(Thread& thread);
  bool all_wait_in_kernel(std::size_t from);
  [[noreturn]] void give_up(std::size_t from) const;
  // Also sees to it that a wait that the stop has interrupted does not come back with EINTR where the kernel
  // can begin it anew instead: see interrupted_wait.h. At once, for we may be killed the next moment.
  void read_thread(Thread& t, bool keep_syscall);
  void let_go(Thread& t);

  pid_t pid_;
  std::vector<Thread> threads_;
  std::vector<ThreadRegisters> registers_;
  bool group_stop_ = false;
};

struct StopOptions {
  StopClock::duration first_try = std::chrono::milliseconds(50);  // the next ones are twice as long each
  StopClock::duration longest_try = std::chrono::milliseconds(400);
  StopClock::duration budget = std::chrono::seconds(3);  // for all tries; the process runs between them
};

// Holds the process, calls `body` with the moment from which on it was held, lets it go; all of it on a
// thread of its own. Tries again where it cannot be stopped at first. Returns the longest time in ms that it
// was held.
double while_stopped(pid_t pid, const StopOptions& options,
                     const std::function<void(StoppedProcess&, StopClock::time_point)>& body);

}  // namespace heapglass
