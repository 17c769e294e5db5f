#include "platform/process/memory_left.h"

#include "platform/process/cgroups.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"

namespace heapglass {

MemoryLeft memory_left(pid_t pid) {
  MemoryLeft left{"the machine", number_after(read_proc_file("/proc/meminfo"), "MemAvailable:") * 1024};
  if (left.bytes == 0) left.bytes = UINT64_MAX;  // a /proc that does not tell is no reason to refuse
  if (const auto room = memory_room(cgroup_directories(pid, "memory")); room && *room < left.bytes)
    left = {"its control group", *room};
  return left;
}

}  // namespace heapglass
