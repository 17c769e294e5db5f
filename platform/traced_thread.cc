#include "platform/traced_thread.h"

#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>

#include "platform/trace.h"

namespace heapglass {

namespace {

std::optional<TracedStop> next_stop(pid_t tid, int options, int& signal) {
  int status = 0;
  pid_t got;
  do {
    got = waitpid(tid, &status, __WALL | options);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return std::nullopt;
  if (got != tid || !WIFSTOPPED(status)) return TracedStop::kEnded;
  const int event = status >> 16;
  signal = WSTOPSIG(status);
  if (signal == (SIGTRAP | 0x80)) return TracedStop::kSystemCall;
  if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK)
    return TracedStop::kChild;
  return event != 0 ? TracedStop::kHeld : TracedStop::kSignal;
}

}  // namespace

TracedStop wait_for_stop(pid_t tid, int& signal) { return *next_stop(tid, 0, signal); }
std::optional<TracedStop> look_for_stop(pid_t tid, int& signal) { return next_stop(tid, WNOHANG, signal); }

bool get_registers(pid_t tid, user_regs_struct& registers) {
  iovec io{&registers, sizeof registers};
  return trace(PTRACE_GETREGSET, tid, reinterpret_cast<void*>(NT_PRSTATUS), &io) == 0;
}

bool set_registers(pid_t tid, const user_regs_struct& registers) {
  user_regs_struct ours = registers;
  iovec io{&ours, sizeof ours};
  return trace(PTRACE_SETREGSET, tid, reinterpret_cast<void*>(NT_PRSTATUS), &io) == 0;
}

pid_t made_child(pid_t tid) {
  unsigned long child = 0;
  trace(PTRACE_GETEVENTMSG, tid, nullptr, &child);
  return static_cast<pid_t>(child);
}

}  // namespace heapglass
