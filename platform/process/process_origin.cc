#include "platform/process/process_origin.h"

#include <unistd.h>

#include <ctime>

#include "lib/base/host_name.h"
#include "platform/process/cgroups.h"

namespace heapglass {

namespace {

// As btime of /proc/stat, which counts the interrupts of every processor before it says this.
std::int64_t time_of_boot() {
  timespec now = {}, since_boot = {};
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec - since_boot.tv_sec - (now.tv_nsec < since_boot.tv_nsec);
}

}  // namespace

std::vector<std::string> containers_of(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::vector<std::string> ids = container_ids(read_proc_file(folder + "/cgroup"));
  if (ids.empty()) ids = container_ids_of_mounts(read_proc_file(folder + "/mountinfo"));
  return ids;
}

CaptureOrigin origin_of(const Process& process) {
  CaptureOrigin origin{.host = host_name(), .pid = process.id()};
  // Not Process::start_time(), which is a thread's where the main thread has ended.
  ProcStat stat;
  if (read_proc_stat(process.id(), stat))
    origin.started = time_of_boot() + static_cast<std::int64_t>(stat.start_time) / sysconf(_SC_CLK_TCK);
  const std::vector<std::string> containers = containers_of(process.pid());
  if (!containers.empty()) origin.container = containers.front();
  return origin;
}

}  // namespace heapglass
