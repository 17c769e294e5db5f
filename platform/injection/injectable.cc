#include "platform/injection/injectable.h"

#include <dirent.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "platform/copying/capture_plan.h"
#include "platform/process/cgroups.h"
#include "platform/process/memory_left.h"
#include "platform/process/proc_text.h"
#include "platform/process/threads.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kMargin = 64u << 20;  // bytes of memory to be left when all else is taken
constexpr std::uint64_t kTaskMargin = 16;     // threads and processes that it may want to start meanwhile

std::string file_of(pid_t pid, const char* name) {
  return read_proc_file("/proc/" + std::to_string(pid) + "/" + name);
}

std::string too_little_memory(const Process& process) {
  const std::uint64_t need = cow_bytes(process) + kMargin;
  if (const MemoryLeft left = memory_left(process.pid()); left.bytes < need)
    return "the process would need up to " + as_mb(need) + " more while its copy lives, and " + left.who +
           " has " + as_mb(left.bytes) + " left";
  // Where memory is promised only as far as there is some, the child's promise could be what the process is
  // refused next.
  if (read_proc_file("/proc/sys/vm/overcommit_memory").starts_with('2')) {
    const std::string machine = read_proc_file("/proc/meminfo");
    const std::uint64_t limit = number_after(machine, "CommitLimit:") * 1024,
                        used = number_after(machine, "Committed_AS:") * 1024,
                        room = limit > used ? limit - used : 0;
    const std::string status = file_of(process.pid(), "status");
    const std::uint64_t promised =
        (number_after(status, "VmData:") + number_after(status, "VmStk:")) * 1024 + need;
    if (room < promised)
      return "vm.overcommit_memory is 2, a copy of the process needs a promise of " + as_mb(promised) +
             ", and " + as_mb(room) + " are left";
  }
  return "";
}

// Threads of all processes of that user, as RLIMIT_NPROC counts them.
std::uint64_t tasks_of_user(std::uint64_t user) {
  std::uint64_t tasks = 0;
  DIR* directory = opendir("/proc");
  if (!directory) return 0;
  while (const dirent* entry = readdir(directory)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    const std::string status = file_of(pid, "status");
    if (number_after(status, "Uid:") == user) tasks += number_after(status, "Threads:");
  }
  closedir(directory);
  return tasks;
}

std::string too_few_tasks(const Process& process) {
  if (const auto room = task_room(cgroup_directories(process.pid(), "pids")); room && *room < kTaskMargin)
    return "its control group permits " + std::to_string(*room) + " more processes";
  const std::string status = file_of(process.pid(), "status");
  const std::uint64_t user = number_after(status, "Uid:");
  const std::string limit_text = line_after(file_of(process.pid(), "limits"), "Max processes");
  const std::size_t digit = limit_text.find_first_not_of(' ');
  if (user == 0 || digit == std::string::npos || limit_text[digit] == 'u') return "";  // "unlimited"
  const std::uint64_t limit = std::strtoull(limit_text.c_str() + digit, nullptr, 10);
  const std::uint64_t tasks = tasks_of_user(user);
  if (tasks + kTaskMargin <= limit) return "";
  return "its user has " + std::to_string(tasks) + " processes and threads, and RLIMIT_NPROC permits " +
         std::to_string(limit);
}

}  // namespace

std::uint64_t cow_bytes(const Process& process) {
  return number_after(file_of(process.pid(), "status"), "RssAnon:") * 1024;
}

std::string why_not_inject(const Process& process) {
#if !defined(__x86_64__)
  return "system calls are injected on x86-64 only";
#endif
  if (const auto group = frozen_group(process.pid())) return tell(*group);
  for (const pid_t tid : list_threads(process.pid())) {
    const std::string status =
        read_proc_file("/proc/" + std::to_string(process.pid()) + "/task/" + std::to_string(tid) + "/status");
    if (number_after(status, "Seccomp:") != 0)
      return "it runs under a seccomp filter, which may kill it for a system call that is not its own";
    if (line_after(status, "x86_Thread_features:").find("shstk") != std::string::npos)
      return "it has a shadow stack, on which no system call can be injected";
  }
  return "";
}

std::string why_no_child(const Process& process) {
  std::string reason = too_little_memory(process);
  return reason.empty() ? too_few_tasks(process) : reason;
}

}  // namespace heapglass
