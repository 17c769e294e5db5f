#include "platform/process/process_state.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "platform/process/cgroups.h"
#include "platform/process/threads.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestCommand = 80;

// A thread in an uninterruptible wait for the child that shares its memory; 0: none.
pid_t thread_in_vfork(pid_t pid) {
  for (const pid_t tid : list_threads(pid)) {
    if (thread_state(pid, tid) != 'D') continue;
    const long number = std::strtol(task_file(pid, tid, "syscall").c_str(), nullptr, 10);
#if defined(__x86_64__)
    const bool makes_child = number == SYS_vfork || number == SYS_clone || number == SYS_clone3;
#else
    const bool makes_child = number == SYS_clone || number == SYS_clone3;
#endif
    if (makes_child && !task_file(pid, tid, "children").empty()) return tid;
  }
  return 0;
}

}  // namespace

std::string describe_process(pid_t pid) {
  std::string command = read_proc_file("/proc/" + std::to_string(pid) + "/cmdline");
  while (!command.empty() && command.back() == '\0') command.pop_back();
  std::replace(command.begin(), command.end(), '\0', ' ');
  if (command.empty()) command = thread_name(pid, pid);
  if (command.size() > kLongestCommand) command = command.substr(0, kLongestCommand) + "...";
  return "process " + std::to_string(pid) + (command.empty() ? "" : " (" + command + ")");
}

std::vector<TargetState> states_of(const Process& process, const Capture& capture) {
  std::vector<TargetState> states;
  const pid_t pid = process.pid();
  if (capture.was_stopped) states.push_back({"stopped", "it is stopped by a signal"});
  if (const auto group = frozen_group(pid)) states.push_back({"frozen", tell(*group)});
  if (const pid_t tracer = tracer_of(pid, pid); tracer && tracer != getpid())
    states.push_back({"traced", "it is traced by " + describe_process(tracer)});
  if (const pid_t tid = thread_in_vfork(pid))
    states.push_back({"vforking", "its thread " + std::to_string(tid) +
                                      " waits for a child that it has made by vfork to exec or to end"});
  if (pid != process.id())
    states.push_back({"main thread ended", "its main thread has ended, others run on"});
  return states;
}

}  // namespace heapglass
