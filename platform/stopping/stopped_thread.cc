#include "platform/stopping/stopped_thread.h"

#include <elf.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "platform/process/process.h"
#include "platform/process/threads.h"
#include "platform/stopping/helper_process.h"
#include "platform/stopping/interrupted_wait.h"
#include "platform/stopping/trace.h"

namespace heapglass {
namespace {

constexpr std::chrono::seconds kLateFor{2};

// Documentation/filesystems/proc.rst: "running", or the number of the call first.
int disturbance(pid_t pid, pid_t tid) {
  const std::string task = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid);
  // A SIGCHLD of a child that a traced thread has made is not thrown away where nobody asks for it
  // (sig_ignored, kernel/signal.c): while that thread is held another one's wait may end with it.
  if (!read_proc_file(task + "/children").empty()) return 3;
  const std::string text = read_proc_file(task + "/syscall");
  if (text.empty() || text.starts_with("running") || text.starts_with("-1")) return 0;
#if defined(__x86_64__)
  switch (std::atoi(text.c_str())) {
    case SYS_futex:
    case SYS_read:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
      return 1;
    default:
      break;
  }
#endif
  return 2;
}

}  // namespace

std::vector<pid_t> least_disturbed_first(pid_t pid) {
  std::vector<std::pair<int, pid_t>> threads;
  for (const pid_t tid : list_threads(pid)) {
    const char state = thread_state(pid, tid);
    if (state == 'R' || state == 'S' || state == 'T') threads.emplace_back(disturbance(pid, tid), tid);
    if (threads.size() == 64 || (!threads.empty() && threads.back().first == 0)) break;
  }
  std::stable_sort(threads.begin(), threads.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<pid_t> tids;
  tids.reserve(threads.size());
  for (const auto& [points, tid] : threads) tids.push_back(tid);
  return tids;
}

std::optional<StoppedThread> StoppedThread::hold(pid_t tid, StopClock::time_point deadline) {
  if (trace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) return std::nullopt;
  trace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  int status = 0;
  bool late = false;
  while (true) {
    const pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
    if (got == tid && WIFSTOPPED(status)) break;
    if (got != 0) return std::nullopt;
    // Who was asked to stop is let go at its stop: left to itself it would find its wait ended.
    late = StopClock::now() > deadline;
    if (StopClock::now() > deadline + kLateFor || HelperProcess::asked_to_end()) return std::nullopt;
    const timespec time{0, 20'000};
    nanosleep(&time, nullptr);
  }
  const int event = status >> 16;
  const bool by_job_control = event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
#if defined(__x86_64__)
  user_regs_struct regs{};
  iovec io{&regs, sizeof regs};
  if (!by_job_control && trace(PTRACE_GETREGSET, tid, reinterpret_cast<void*>(NT_PRSTATUS), &io) == 0 &&
      restart_wait(regs))
    trace(PTRACE_SETREGSET, tid, reinterpret_cast<void*>(NT_PRSTATUS), &io);
#else
  (void)by_job_control;
#endif
  StoppedThread held(tid, event == 0 ? WSTOPSIG(status) : 0);
  if (late) return std::nullopt;
  return held;
}

StoppedThread::StoppedThread(StoppedThread&& other) noexcept
    : tid_(std::exchange(other.tid_, 0)), signal_(other.signal_) {}

StoppedThread::~StoppedThread() {
  if (tid_ != 0) trace(PTRACE_DETACH, tid_, nullptr, reinterpret_cast<void*>(static_cast<long>(signal_)));
}

}  // namespace heapglass
