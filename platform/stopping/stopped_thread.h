// One thread of a process held by ptrace, the others running on.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "platform/stopping/stopped_process.h"

namespace heapglass {

// The threads of a process, those first that a stop disturbs least: running ones, then those in a wait that
// the kernel goes on with. One in an uninterruptible wait is left out.
std::vector<pid_t> least_disturbed_first(pid_t pid);

class StoppedThread {
 public:
  // Nothing where it is not stopped by then: the end of this thread of ours frees it.
  static std::optional<StoppedThread> hold(pid_t tid, StopClock::time_point deadline);
  StoppedThread(StoppedThread&& other) noexcept;
  StoppedThread& operator=(StoppedThread&&) = delete;
  ~StoppedThread();
  pid_t tid() const { return tid_; }
  bool injectable() const { return signal_ == 0; }  // not on its way to a signal handler

 private:
  StoppedThread(pid_t tid, int signal) : tid_(tid), signal_(signal) {}
  pid_t tid_;
  int signal_;  // handed on
};

}  // namespace heapglass
