#include "platform/injection/stopped_child.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "lib/base/error.h"
#include "platform/injection/injected_calls.h"
#include "platform/process/threads.h"
#include "platform/stopping/helper_process.h"
#include "platform/stopping/stopped_thread.h"

namespace heapglass {
namespace {

constexpr std::chrono::seconds kReapFor{5};
// A thread that is about to run or sleeps comes to its stop as soon as it gets a processor.
constexpr std::chrono::seconds kStopWithin{2};

// What wait4 says of the child in one thread of the parent; nothing where that thread will not do.
std::optional<long> wait_in(const Process& parent, const SyscallGadgets& sites, pid_t tid, pid_t child) {
  const auto held = StoppedThread::hold(tid, StopClock::now() + kStopWithin);
  std::string why_not;
  if (!held || !held->injectable() || choose_thread(parent, {tid}, why_not) == 0) return std::nullopt;
  try {
    InjectedCalls calls(parent, sites, tid);
    return calls.call(SYS_wait4, {static_cast<std::uint64_t>(child), 0, __WALL | WNOHANG, 0, 0, 0});
  } catch (const CannotInject&) {
    return std::nullopt;
  }
}

// One try in each thread of the parent, the least disturbed first.
bool reap_now(const Process& parent, const SyscallGadgets& sites, pid_t child, StopClock::time_point until) {
  std::optional<Process> other;
  std::optional<SyscallGadgets> now = sites;
  try {
    if (!still_there(parent, sites)) {
      // It has become another program, which has these instructions elsewhere. What was opened of the old
      // one, /proc/PID/mem, is that one's.
      other.emplace(Process::open(parent.id()));
      now = find_call_sites(*other, other->mappings());
    }
  } catch (const Error&) {
    return false;  // it is about to become another once more, or to end
  }
  const Process& here = other ? *other : parent;
  for (const pid_t tid : now ? least_disturbed_first(here.pid()) : std::vector<pid_t>()) {
    if (StopClock::now() > until || HelperProcess::asked_to_end()) break;
    const std::optional<long> got = wait_in(here, *now, tid, child);
    if (got && (*got == child || *got == -ECHILD)) return true;
  }
  return false;
}

}  // namespace

bool reap_via_parent(const Process& parent, const SyscallGadgets& sites, pid_t child) {
#if defined(__x86_64__)
  const auto until = StopClock::now() + kReapFor;
  while (StopClock::now() < until && !HelperProcess::asked_to_end()) {
    ProcStat stat;
    if (!read_proc_stat(child, stat)) return true;
    if (stat.state == 'Z' && reap_now(parent, sites, child, until)) return true;
    nap(std::chrono::microseconds(1000));
  }
#else
  (void)parent, (void)sites, (void)child;
#endif
  return false;
}

std::vector<pid_t> clone_children(pid_t pid) {
  std::vector<pid_t> found;
  for (const pid_t tid : list_threads(pid)) {
    std::istringstream children(
        read_proc_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/children"));
    for (pid_t child; children >> child;) {
      // Documentation/filesystems/proc.rst: exit_signal is the 38th field, the 36th behind the name.
      const std::string stat = read_proc_file("/proc/" + std::to_string(child) + "/stat");
      const std::size_t name_end = stat.rfind(')');
      if (name_end == std::string::npos) continue;
      std::istringstream fields(stat.substr(name_end + 1));
      std::string field;
      for (int i = 0; i < 36; ++i) fields >> field;
      if (field == "0") found.push_back(child);
    }
  }
  return found;
}

}  // namespace heapglass
