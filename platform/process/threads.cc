#include "platform/process/threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>

#include "platform/process/proc_text.h"
#include "platform/process/process.h"
#include "platform/process/system_calls.h"

namespace heapglass {
std::string task_file(pid_t pid, pid_t tid, const char* name) {
  return read_proc_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + name);
}

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
  const std::string text = task_file(pid, tid, "stat");
  const std::size_t at = text.rfind(')');
  return at == std::string::npos || at + 2 >= text.size() ? '?' : text[at + 2];
}

std::string thread_name(pid_t pid, pid_t tid) {
  std::string name = task_file(pid, tid, "comm");
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

pid_t tracer_of(pid_t pid, pid_t tid) {
  const std::string status = task_file(pid, tid, "status");
  const std::size_t at = status.find("\nTracerPid:\t");
  return at == std::string::npos ? 0 : static_cast<pid_t>(std::strtol(status.c_str() + at + 12, nullptr, 10));
}

ThreadRegisters look_at_thread(pid_t pid, pid_t tid) {
  ThreadRegisters out{.tid = tid, .state = thread_state(pid, tid)};
  // Documentation/filesystems/proc.rst: number, six arguments, stack pointer and program counter; "running"
  // for one that runs, and no number or arguments outside a system call (-1).
  const std::string text = task_file(pid, tid, "syscall");
  const std::size_t last = text.rfind(" 0x"), before = last == 0 || last == std::string::npos
                                                           ? std::string::npos
                                                           : text.rfind(" 0x", last - 1);
  if (before == std::string::npos) return out;
  out.stack_pointer = Address{std::strtoull(text.c_str() + before, nullptr, 16)};
  out.instruction_pointer = Address{std::strtoull(text.c_str() + last, nullptr, 16)};
  char* first_argument = nullptr;
  const long number = std::strtol(text.c_str(), &first_argument, 10);
  SystemCallArguments arguments{};
  char* next = first_argument;
  for (std::uint64_t& each : arguments) each = std::strtoull(next, &next, 16);
  set_system_call(out, number, arguments[0]);
#if defined(__x86_64__)
  if (number >= 0) put_arguments(arguments, out.general);
#endif
  return out;
}

std::vector<ThreadRegisters> look_at_threads(pid_t pid) {
  std::vector<ThreadRegisters> threads;
  for (const pid_t tid : list_threads(pid)) threads.push_back(look_at_thread(pid, tid));
  return threads;
}

void name_threads(pid_t pid, std::vector<ThreadRegisters>& threads) {
  for (ThreadRegisters& thread : threads) {
    thread.name = thread_name(pid, thread.tid);
    // "NSpid: 4711 17": one number for each namespace, the innermost last (Linux 4.1).
    const std::string ids = line_after(task_file(pid, thread.tid, "status"), "NSpid:");
    if (const std::size_t last = ids.find_last_of(" \t"); last != std::string::npos)
      thread.own_tid = std::atoi(ids.c_str() + last);
  }
}

void raise_priority() {
  const sched_param lowest{.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO, &lowest);  // 0: this thread
}

void end_priority() {
  const sched_param none{};
  sched_setscheduler(0, SCHED_OTHER, &none);
}

void lower_priority(pid_t pid) {
  const sched_param none{};
  for (const pid_t thread : list_threads(pid)) sched_setscheduler(thread, SCHED_OTHER, &none);
}

void nap(std::chrono::nanoseconds time) {
  constexpr long kASecond = 1'000'000'000;
  const timespec rest{time.count() / kASecond, time.count() % kASecond};
  nanosleep(&rest, nullptr);
}

void run_on_priority_thread(const std::function<void()>& work) {
  std::exception_ptr thrown;
  std::thread thread([&] {
    setpriority(PRIO_PROCESS, 0, -20);  // of this thread alone, and of those that it makes
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

void yield_to_others(int steps) {
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, 0);
  if (errno == 0 && now < steps) setpriority(PRIO_PROCESS, 0, steps);
}

void be_first_to_be_killed() {
  // man 5 proc: 1000 is the most, and anybody may raise his own.
  const FileDescriptor score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (score) (void)!write(score.get(), "1000", 4);
}

}  // namespace heapglass
