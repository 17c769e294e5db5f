#include "platform/process/memory_left.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "lib/base/error.h"
#include "platform/files/quantity_text.h"
#include "platform/process/cgroups.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"

namespace heapglass {

MemoryLeft memory_left(pid_t pid) {
  MemoryLeft left{"the machine", number_after(read_proc_file("/proc/meminfo"), "MemAvailable:") * 1024};
  if (left.bytes == 0) left.bytes = UINT64_MAX;  // a /proc that does not tell is no reason to refuse
  if (const auto room = memory_room(cgroup_directories(pid, "memory")); room && *room < left.bytes)
    left = {"its control group", *room};
  rlimit data{};
  if (pid == getpid() && getrlimit(RLIMIT_DATA, &data) == 0 && data.rlim_cur != RLIM_INFINITY) {
    const std::uint64_t taken = number_after(read_proc_file("/proc/self/status"), "VmData:") * 1024;
    const std::uint64_t room = data.rlim_cur > taken ? data.rlim_cur - taken : 0;
    if (room < left.bytes) left = {"its own limit", room};
  }
  return left;
}

void limit_own_memory(std::uint64_t bytes) {
  // Whole stacks count, and their usual 8 MB are a hundred times what a thread here touches.
  constexpr std::size_t kThreadStack = 1 << 20;
  constexpr std::uint64_t kThreads = 6;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) == 0) {
    pthread_attr_setstacksize(&attributes, kThreadStack);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  }
  const std::uint64_t taken = number_after(read_proc_file("/proc/self/status"), "VmData:") * 1024;
  if (const std::uint64_t least = taken + kThreads * kThreadStack + kRoomForOurselves; bytes < least)
    throw Error(ErrorKind::kUnreachable,
                "--max-memory is too little: heapglass takes " + as_mb(least) +
                    " for itself, and then a copy of the target",
                "the process was not stopped; allow twice what it has resident and 60 MB");
  rlimit data{};
  if (getrlimit(RLIMIT_DATA, &data) == 0) {
    if (data.rlim_cur <= bytes) return;
    data.rlim_cur = bytes;
    if (setrlimit(RLIMIT_DATA, &data) == 0) return;
  }
  throw std::system_error(errno, std::generic_category(), "setrlimit");
}

}  // namespace heapglass
