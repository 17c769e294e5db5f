#include "platform/stopping/traced_thread.h"

#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>

#include "platform/stopping/helper_process.h"
#include "platform/stopping/trace.h"

namespace heapglass {

namespace {

// Long enough for one that runs, so that what was begun is brought to its end.
constexpr std::chrono::milliseconds kWhenAskedToEnd{300};

std::optional<TracedStop> next_stop(pid_t tid, int& signal) {
  int status = 0;
  pid_t got;
  do {
    got = waitpid(tid, &status, __WALL | WNOHANG);
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

TracedStop wait_for_stop(pid_t tid, int& signal, std::chrono::milliseconds within) {
  // The kernel tells a stop by SIGCHLD, which is taken from its queue here: waitpid knows no time limit.
  sigset_t of_stops, before;
  sigemptyset(&of_stops);
  sigaddset(&of_stops, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &of_stops, &before);
  const auto since = std::chrono::steady_clock::now();
  std::optional<TracedStop> stop;
  while (!(stop = look_for_stop(tid, signal))) {
    const auto waited = std::chrono::steady_clock::now() - since;
    if (waited > within || (HelperProcess::asked_to_end() && waited > kWhenAskedToEnd)) break;
    const timespec nap{0, 2'000'000};  // where another thread of ours got the signal
    sigtimedwait(&of_stops, nullptr, &nap);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return stop.value_or(TracedStop::kLate);
}

std::optional<TracedStop> look_for_stop(pid_t tid, int& signal) { return next_stop(tid, signal); }

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
