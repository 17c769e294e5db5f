// All threads of a process held by ptrace. Whatever way this ends, the threads go on as they were: the
// destructor lets them go, and where this process dies the kernel does.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <vector>

#include "lib/target/capture.h"

namespace heapglass {

class StoppedProcess {
 public:
  // Seizes every thread first, then asks them to stop: sleepers first, running threads last, so that those
  // wait shortest. Throws Error kUnreachable where tracing is refused, the process goes away, or a thread
  // cannot stop within `deadline` (vfork, uninterruptible sleep); then nothing is held any more.
  StoppedProcess(pid_t pid, std::chrono::milliseconds deadline);
  ~StoppedProcess() { resume(); }
  StoppedProcess(const StoppedProcess&) = delete;
  StoppedProcess& operator=(const StoppedProcess&) = delete;

  // Running threads first. Signals that arrived are delivered now.
  void resume();

  const std::vector<ThreadRegisters>& threads() const { return registers_; }
  void read_registers();
  bool in_group_stop() const { return group_stop_; }  // SIGSTOP or ^Z before us: stays so

 private:
  struct Thread {
    pid_t tid = 0;
    char state = '?';
    bool stopped = false;
    int pending_signal = 0;  // stopped on its way to the thread: handed on
  };
  bool seize_new_threads();
  void interrupt_and_wait(std::size_t from, std::chrono::steady_clock::time_point until);
  bool wait_one(Thread& thread);

  pid_t pid_;
  std::vector<Thread> threads_;
  std::vector<ThreadRegisters> registers_;
  bool group_stop_ = false;
  bool gone_ = false;
};

}  // namespace heapglass
