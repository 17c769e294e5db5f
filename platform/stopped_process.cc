#include "platform/stopped_process.h"

#include <dirent.h>
#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_set>

#include "lib/base/error.h"
#include "platform/process.h"

namespace heapglass {
namespace {

std::vector<pid_t> list_threads(pid_t pid) {
  std::vector<pid_t> tids;
  DIR* dir = opendir(("/proc/" + std::to_string(pid) + "/task").c_str());
  if (!dir) return tids;
  while (const dirent* entry = readdir(dir))
    if (entry->d_name[0] != '.') tids.push_back(std::atoi(entry->d_name));
  closedir(dir);
  return tids;
}

char thread_state(pid_t pid, pid_t tid) {
  const std::string text =
      read_proc_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/stat");
  const std::size_t at = text.rfind(')');
  return at == std::string::npos || at + 2 >= text.size() ? '?' : text[at + 2];
}

// glibc declares ptrace's request as an enum of its own; the numbers are the kernel's.
long trace(int request, pid_t tid, void* address, void* data) {
  return ptrace(static_cast<__ptrace_request>(request), tid, address, data);
}

std::string tracer_of(pid_t pid) {
  const std::string status = read_proc_file("/proc/" + std::to_string(pid) + "/status");
  const std::size_t at = status.find("\nTracerPid:\t");
  if (at == std::string::npos) return {};
  const long tracer = std::strtol(status.c_str() + at + 12, nullptr, 10);
  if (tracer == 0) return {};
  std::string name = read_proc_file("/proc/" + std::to_string(tracer) + "/comm");
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return std::to_string(tracer) + (name.empty() ? "" : " (" + name + ")");
}

[[noreturn]] void refuse(pid_t pid, int error) {
  const std::string who = "process " + std::to_string(pid);
  if (const std::string tracer = tracer_of(pid); !tracer.empty())
    throw Error(ErrorKind::kUnreachable,
                "cannot stop " + who + ": it is traced by process " + tracer + " already",
                "end that debugger or tracer first");
  throw Error(ErrorKind::kUnreachable, "cannot stop " + who + ": " + std::strerror(error),
              "ptrace needs the same user or CAP_SYS_PTRACE; a container's seccomp profile may refuse it");
}

}  // namespace

StoppedProcess::StoppedProcess(pid_t pid, std::chrono::milliseconds deadline) : pid_(pid) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  try {
    // Threads may be born while the first are stopped: again until a look finds none new.
    std::size_t done = 0;
    while (seize_new_threads()) {
      interrupt_and_wait(done, until);
      done = threads_.size();
    }
  } catch (...) {
    resume();
    throw;
  }
  if (std::none_of(threads_.begin(), threads_.end(), [](const Thread& t) { return t.stopped; }))
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
      if (errno == ESRCH || thread.state == 'Z' || thread.state == 'X') continue;
      refuse(pid_, errno);
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
  if (event == PTRACE_EVENT_STOP) {
    if (WSTOPSIG(status) != SIGTRAP) group_stop_ = true;
  } else if (event == 0) {
    thread.pending_signal = WSTOPSIG(status);
  }
  return true;
}

void StoppedProcess::interrupt_and_wait(std::size_t from, std::chrono::steady_clock::time_point until) {
  std::stable_sort(threads_.begin() + static_cast<std::ptrdiff_t>(from), threads_.end(),
                   [](const Thread& a, const Thread& b) { return (a.state == 'R') < (b.state == 'R'); });
  for (std::size_t i = from; i < threads_.size(); ++i)
    trace(PTRACE_INTERRUPT, threads_[i].tid, nullptr, nullptr);
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
    if (std::chrono::steady_clock::now() > until)
      throw Error(ErrorKind::kUnreachable,
                  "process " + std::to_string(pid_) + " has a thread that cannot be stopped now (" +
                      std::to_string(waiting) + " in an uninterruptible wait)",
                  "try again; the process was let go and runs on");
    // The threads need a processor to reach their stop: give way first, sleep when that does not help.
    if (++idle_rounds < 50) {
      sched_yield();
    } else {
      const timespec nap{0, 50'000};
      nanosleep(&nap, nullptr);
    }
  }
  std::erase_if(threads_, [](const Thread& t) { return t.tid == 0; });
}

void StoppedProcess::read_registers() {
  registers_.clear();
  for (const Thread& t : threads_) {
    ThreadRegisters out{.tid = t.tid, .state = t.state};
    user_regs_struct regs{};
    iovec io{&regs, sizeof regs};
    if (trace(PTRACE_GETREGSET, t.tid, reinterpret_cast<void*>(NT_PRSTATUS), &io) == 0) {
#if defined(__x86_64__)
      out.stack_pointer = Address{regs.rsp};
      out.instruction_pointer = Address{regs.rip};
      out.thread_pointer = Address{regs.fs_base};
#elif defined(__aarch64__)
      out.stack_pointer = Address{regs.sp};
      out.instruction_pointer = Address{regs.pc};
      std::uint64_t tls = 0;
      iovec tls_io{&tls, sizeof tls};
      if (trace(PTRACE_GETREGSET, t.tid, reinterpret_cast<void*>(0x401 /* NT_ARM_TLS */), &tls_io) == 0)
        out.thread_pointer = Address{tls};
#endif
    }
    registers_.push_back(out);
  }
}

void StoppedProcess::resume() {
  std::stable_sort(threads_.begin(), threads_.end(),
                   [](const Thread& a, const Thread& b) { return (a.state == 'R') > (b.state == 'R'); });
  for (Thread& t : threads_) {
    if (t.tid == 0) continue;
    if (!t.stopped) {
      // Still on its way to the stop: wait a little, a thread that has not stopped cannot be detached.
      for (int i = 0; i < 200 && !wait_one(t); ++i) {
        const timespec nap{0, 50'000};
        nanosleep(&nap, nullptr);
      }
    }
    if (t.tid != 0 && t.stopped)
      trace(PTRACE_DETACH, t.tid, nullptr, reinterpret_cast<void*>(static_cast<long>(t.pending_signal)));
  }
  threads_.clear();
}

}  // namespace heapglass
