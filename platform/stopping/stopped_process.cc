#include "platform/stopping/stopped_process.h"

#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <unordered_set>

#include "lib/base/error.h"
#include "platform/process/permission_hint.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"
#include "platform/process/process_state.h"
#include "platform/process/system_calls.h"
#include "platform/process/threads.h"
#include "platform/stopping/interrupted_wait.h"
#include "platform/stopping/trace.h"

namespace heapglass {
namespace {

[[noreturn]] void refuse(pid_t pid, pid_t tid, int error) {
  const std::string who = "process " + std::to_string(pid);
  if (const pid_t tracer = tracer_of(pid, tid)) {
    throw Error(ErrorKind::kUnreachable,
                "cannot stop " + who + ": it is traced by " + describe_process(tracer) + " already",
                "end that debugger or tracer first, or use --freeze=none, which holds nothing");
  }
  throw Error(ErrorKind::kUnreachable, "cannot stop " + who + ": " + std::strerror(error),
              permission_hint(pid));
}

// How long a thread is given to leave a wait that cannot be interrupted, as most do at once.
constexpr std::chrono::milliseconds kShortWait{5};
constexpr std::chrono::seconds kLastStopWait{2};
// A wait that cannot be interrupted is mostly for a page, over in a moment; a vfork's may last.
constexpr std::chrono::milliseconds kLastWaitInKernel{100};
// As long as a vfork mostly takes, whose child ends soon after.
constexpr std::chrono::milliseconds kHeldForLateOnes{10};

bool blocks(pid_t pid, pid_t tid, int signal) {
  const std::string mask = line_after(
      read_proc_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/status"), "SigBlk:");
  return std::strtoull(mask.c_str(), nullptr, 16) >> (signal - 1) & 1;
}

}  // namespace

StoppedProcess::StoppedProcess(pid_t pid, StopClock::time_point deadline) : pid_(pid) {
  try {
    // Threads may be born while the first are stopped: again until a look finds none new.
    std::size_t done = 0;
    while (seize_new_threads()) {
      interrupt_and_wait(done, deadline);
      done = threads_.size();
    }
    for (const Thread& t : threads_)
      registers_.push_back(t.stopped ? t.registers : look_at_thread(pid_, t.tid));
  } catch (...) {
    resume();
    throw;
  }
  if (std::none_of(threads_.begin(), threads_.end(),
                   [](const Thread& t) { return t.stopped || t.waits_in_kernel; }))
    throw Error(ErrorKind::kUnreachable, "process " + std::to_string(pid) + " exited while it was looked at");
}

bool StoppedProcess::seize_new_threads() {
  std::unordered_set<pid_t> known;
  for (const Thread& t : threads_) known.insert(t.tid);
  const std::size_t before = threads_.size();
  for (const pid_t tid : list_threads(pid_)) {
    if (known.count(tid)) continue;
    Thread thread{.tid = tid, .state = thread_state(pid_, tid)};
    // No options: PTRACE_O_TRACECLONE and the like would attach children that are born now.
    if (trace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) {
      const int error = errno;
      // EPERM is also what the kernel says of one that is ending: by now it has.
      const char now = thread_state(pid_, tid);
      if (error == ESRCH || now == 'Z' || now == 'X' || now == '?') continue;
      refuse(pid_, tid, error);
    }
    threads_.push_back(thread);
  }
  return threads_.size() > before;
}

bool StoppedProcess::wait_one(Thread& thread) {
  int status = 0;
  const pid_t got = waitpid(thread.tid, &status, __WALL | WNOHANG);
  if (got == 0) return false;
  if (got < 0 || !WIFSTOPPED(status)) {
    thread.tid = 0;  // it exited
    return true;
  }
  thread.stopped = true;
  const int event = status >> 16;
  const bool by_job_control = event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
  group_stop_ |= by_job_control;
  if (event == 0) thread.pending_signal = WSTOPSIG(status);
  read_thread(thread, !by_job_control);
  return true;
}

void StoppedProcess::interrupt_and_wait(std::size_t from, StopClock::time_point until) {
  std::stable_sort(threads_.begin() + static_cast<std::ptrdiff_t>(from), threads_.end(),
                   [](const Thread& a, const Thread& b) { return (a.state == 'R') < (b.state == 'R'); });
  for (std::size_t i = from; i < threads_.size(); ++i)
    trace(PTRACE_INTERRUPT, threads_[i].tid, nullptr, nullptr);
  const auto asked = StopClock::now();
  std::size_t waiting = threads_.size() - from;
  for (unsigned idle_rounds = 0; waiting > 0;) {
    const std::size_t before = waiting;
    for (std::size_t i = from; i < threads_.size(); ++i) {
      Thread& t = threads_[i];
      if (t.tid != 0 && !t.stopped && wait_one(t)) --waiting;
    }
    if (waiting == 0) break;
    if (waiting != before) {
      idle_rounds = 0;
      continue;
    }
    const auto now = StopClock::now();
    if (now > asked + kShortWait && all_wait_in_kernel(from)) break;
    if (now > until) give_up(from);
    // The threads need a processor to reach their stop: give way first, sleep when that does not help.
    if (++idle_rounds < 50) {
      sched_yield();
    } else {
      nap(std::chrono::microseconds(50));
    }
  }
  std::erase_if(threads_, [](const Thread& t) { return t.tid == 0; });
}

bool StoppedProcess::all_wait_in_kernel(std::size_t from) {
  const auto waits = [&](const Thread& t) {
    return t.tid == 0 || t.stopped || thread_state(pid_, t.tid) == 'D';
  };
  const auto first = threads_.begin() + static_cast<std::ptrdiff_t>(from);
  if (!std::all_of(first, threads_.end(), waits)) return false;
  for (auto t = first; t != threads_.end(); ++t) t->waits_in_kernel = t->tid != 0 && !t->stopped;
  return true;
}

void StoppedProcess::give_up(std::size_t from) const {
  for (std::size_t i = from; i < threads_.size(); ++i) {
    const Thread& t = threads_[i];
    if (t.tid == 0 || t.stopped) continue;
    const char state = thread_state(pid_, t.tid);
    throw CannotStop(
        ErrorKind::kUnreachable,
        "process " + std::to_string(pid_) + " cannot be stopped now: its thread " + std::to_string(t.tid) +
            " (" + thread_name(pid_, t.tid) + ") " +
            (state == 'R'   ? "does not get a processor to come to its stop"
             : state == 'D' ? "is in an uninterruptible wait"
                            : "does not come to its stop, its state is " + std::string(1, state)),
        "it was resumed and runs; try again");
  }
  throw CannotStop(ErrorKind::kUnreachable, "process " + std::to_string(pid_) + " cannot be stopped now");
}

void StoppedProcess::read_thread(Thread& t, bool keep_syscall) {
  t.registers = {.tid = t.tid, .state = t.state};
  user_regs_struct regs{};
  iovec io{&regs, sizeof regs};
  if (trace(PTRACE_GETREGSET, t.tid, reinterpret_cast<void*>(NT_PRSTATUS), &io) != 0) return;
#if defined(__x86_64__)
  const auto general = general_registers(regs);
  std::copy(general.begin(), general.end(), t.registers.general.begin());
  // The number that was called stays in orig_rax as long as the call lasts; other stops set it to -1.
  set_system_call(t.registers, static_cast<long>(regs.orig_rax), regs.rdi);
  t.is_interruptible =
      static_cast<long long>(regs.rax) == -EINTR && static_cast<long long>(regs.orig_rax) >= 0;
  // Where a signal is on its way and has a handler, the kernel returns EINTR all the same.
  if (keep_syscall && restart_wait(regs))
    trace(PTRACE_SETREGSET, t.tid, reinterpret_cast<void*>(NT_PRSTATUS), &io);
  t.registers.stack_pointer = Address{regs.rsp};
  t.registers.instruction_pointer = Address{regs.rip};
  t.registers.thread_pointer = Address{regs.fs_base};
#elif defined(__aarch64__)
  (void)keep_syscall;
  t.registers.stack_pointer = Address{regs.sp};
  t.registers.instruction_pointer = Address{regs.pc};
  std::copy(std::begin(regs.regs), std::end(regs.regs), t.registers.general.begin());
  std::uint64_t tls = 0;
  iovec tls_io{&tls, sizeof tls};
  if (trace(PTRACE_GETREGSET, t.tid, reinterpret_cast<void*>(0x401 /* NT_ARM_TLS */), &tls_io) == 0)
    t.registers.thread_pointer = Address{tls};
#endif
}

void StoppedProcess::let_go(Thread& t) {
  trace(PTRACE_DETACH, t.tid, nullptr, reinterpret_cast<void*>(static_cast<long>(t.pending_signal)));
  t.tid = 0;
}

bool StoppedProcess::resume() {
  // Those that ran come first, those last whose wait any signal ends. For a SIGCHLD that nobody has asked for
  // is not thrown away while the thread that made the child is traced (sig_ignored, kernel/signal.c), and
  // goes to one that is let go already: to no such wait, as long as that one is still held.
  const auto rank = [&](const Thread& t) {
    if (t.is_interruptible) return t.tid == pid_ ? 2 : 3;
    return t.state == 'R' ? 0 : 1;
  };
  std::stable_sort(threads_.begin(), threads_.end(),
                   [&](const Thread& a, const Thread& b) { return rank(a) < rank(b); });
  for (Thread& t : threads_)
    if (t.tid != 0 && t.stopped && !t.is_interruptible) let_go(t);
  // Who was asked to stop cannot be told to forget it, and one that has not stopped cannot be detached: each
  // is let go as soon as it comes to its stop. Left to itself it would find its wait ended.
  const auto since = StopClock::now();
  std::vector<pid_t> stragglers;
  for (const Thread& t : threads_)
    if (t.tid != 0 && !t.stopped) stragglers.push_back(t.tid);
  const auto stopped = [](const Thread& t) { return t.stopped; };
  const auto is_late = [](const Thread& t) { return t.tid != 0 && !t.stopped; };
  // In a vfork mostly, that of posix_spawn with all signals blocked, which says again that none is thrown
  // away: until it has run on for a bit.
  const auto blocks_signals = [&](pid_t tid) { return blocks(pid_, tid, SIGCHLD); };
  while (!detach_stragglers() && std::any_of(threads_.begin(), threads_.end(), stopped) &&
         (std::any_of(threads_.begin(), threads_.end(), is_late) ||
          std::any_of(stragglers.begin(), stragglers.end(), blocks_signals)) &&
         StopClock::now() - since < kHeldForLateOnes)
    nap(std::chrono::microseconds(50));
  for (Thread& t : threads_)
    if (t.tid != 0 && t.stopped) let_go(t);
  while (!detach_stragglers()) {
    const auto waited = StopClock::now() - since;
    if (waited > kLastStopWait || (waited > kLastWaitInKernel && all_wait_in_kernel(0))) return false;
    nap(std::chrono::microseconds(50));
  }
  return true;
}

bool StoppedProcess::detach_stragglers() {
  for (Thread& t : threads_)
    if (t.tid != 0 && wait_one(t) && t.tid != 0) let_go(t);
  std::erase_if(threads_, [](const Thread& t) { return t.tid == 0; });
  return threads_.empty();
}

std::vector<pid_t> StoppedProcess::injectable_threads() const {
  std::vector<pid_t> tids;
  for (const Thread& t : threads_)
    if (t.tid != 0 && t.stopped && t.pending_signal == 0) tids.push_back(t.tid);
  return tids;
}

namespace {

// One try, on a thread that ends with it: with the thread goes its hold on whatever has not stopped.
double hold_once(pid_t pid, StopClock::duration deadline,
                 const std::function<void(StoppedProcess&, StopClock::time_point)>& body,
                 std::exception_ptr& cannot) {
  const auto since = StopClock::now();
  StopClock::time_point until;
  pid_t us = 0;
  bool all_let_go = false;
  run_on_priority_thread([&] {
    us = gettid();
    try {
      StoppedProcess stopped(pid, since + deadline);
      raise_priority();  // not before: they need a processor to come to their stop
      body(stopped, since);
      all_let_go = stopped.resume();
      until = StopClock::now();
    } catch (const CannotStop&) {
      cannot = std::current_exception();
      until = StopClock::now();
    }
  });
  // The kernel lets go a moment after the thread is joined. Whoever comes next must not find us there.
  for (int i = 0; i < 4000 && !all_let_go; ++i) {
    const std::vector<pid_t> tids = list_threads(pid);
    if (std::none_of(tids.begin(), tids.end(), [&](pid_t tid) { return tracer_of(pid, tid) == us; })) break;
    nap(std::chrono::microseconds(50));
  }
  return std::chrono::duration<double, std::milli>(until - since).count();
}

}  // namespace

double while_stopped(pid_t pid, const StopOptions& options,
                     const std::function<void(StoppedProcess&, StopClock::time_point)>& body) {
  const auto began = StopClock::now();
  double longest = 0;
  auto deadline = std::min(options.first_try, options.longest_try);
  while (true) {
    std::exception_ptr cannot;
    longest = std::max(longest, hold_once(pid, deadline, body, cannot));
    if (!cannot) return longest;
    if (StopClock::now() + deadline > began + options.budget) std::rethrow_exception(cannot);
    // It runs for as long as it stood, and more.
    nap(deadline + std::chrono::milliseconds(20));
    deadline = std::min(2 * deadline, options.longest_try);
  }
}

}  // namespace heapglass
