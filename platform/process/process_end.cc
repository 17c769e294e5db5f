#include "platform/process/process_end.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "platform/process/process.h"

namespace heapglass {
namespace {

// include/uapi/linux/pidfd.h, as far as it is needed here: what is asked for, and the status as the last.
struct PidfdInfo {
  std::uint64_t mask = 0, cgroup = 0;
  std::uint32_t ids[11] = {};  // pid, tgid, ppid, and the users and groups
  std::int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64, "PIDFD_INFO_SIZE_VER0");
constexpr std::uint64_t kPidfdInfoExit = 1 << 3;

// exit_code is the 52nd field of /proc/PID/stat, the state the third.
std::optional<int> status_of_zombie(pid_t pid, std::uint64_t start_time) {
  ProcStat stat;
  if (!read_proc_stat(pid, stat) || stat.start_time != start_time || stat.state != 'Z') return std::nullopt;
  const std::string text = read_proc_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t behind_name = text.rfind(')');
  if (behind_name == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(behind_name + 1));
  std::string field;
  for (int number = 3; number <= 52; ++number)
    if (!(fields >> field)) return std::nullopt;
  return std::atoi(field.c_str());
}

}  // namespace

std::optional<int> end_status(pid_t pid, std::uint64_t start_time, int pidfd) {
  if (const auto status = status_of_zombie(pid, start_time)) return status;
  PidfdInfo info;
  info.mask = kPidfdInfoExit;
  const bool is_known = ioctl(pidfd, _IOWR(0xff, 11, PidfdInfo), &info) == 0 && (info.mask & kPidfdInfoExit);
  return is_known ? std::optional<int>(info.exit_code) : std::nullopt;
}

std::string describe_end(std::optional<int> status) {
  if (!status) return "ended";
  if (!WIFSIGNALED(*status)) return "exited with code " + std::to_string(WEXITSTATUS(*status));
  const int signal = WTERMSIG(*status);
  const char* const name = sigabbrev_np(signal);
  return "was ended by signal " + std::to_string(signal) + (name ? " (" + std::string(name) + ")" : "");
}

}  // namespace heapglass
