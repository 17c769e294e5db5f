// The control groups that a process is in, and what they leave it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heapglass {

// Directories of the groups of a controller ("memory", "pids"), the innermost first, version 1 or 2; none
// where they cannot be seen from here. Documentation/admin-guide/cgroup-v1, cgroup-v2.rst.
std::vector<std::string> cgroup_directories(pid_t pid, const std::string& controller);
// The same from the text of /proc/PID/cgroup and of /proc/self/mountinfo.
std::vector<std::string> cgroup_directories(const std::string& cgroup, const std::string& mountinfo,
                                            const std::string& controller);
// The groups named in the text of /proc/PID/cgroup, one of each hierarchy: {"", "/system.slice/app.service"}
// of version 2, {"cpu,cpuacct", ...} of version 1.
struct CgroupLine {
  std::string controllers, path;
};
std::vector<CgroupLine> cgroup_lines(const std::string& cgroup);
// A group by its directory, as it is called in /proc/PID/cgroup; nothing where no control groups are mounted
// there.
std::optional<CgroupLine> cgroup_of_directory(const std::string& directory, const std::string& mountinfo);
// The ids of containers in a text, each 64 hexadecimal digits, whatever runs them: in /proc/PID/cgroup.
std::vector<std::string> container_ids(const std::string& text);
// Those that the names of its host and its resolver are mounted from, where its groups do not tell: in
// /proc/PID/mountinfo.
std::vector<std::string> container_ids_of_mounts(const std::string& mountinfo);
// The number in a file of a group; nothing where there is none, or it is the one that stands for no limit.
std::optional<std::uint64_t> parse_cgroup_number(const std::string& text);
// Bytes, tasks that these groups leave: of the one that leaves least; nothing where none of them limits.
std::optional<std::uint64_t> memory_room(const std::vector<std::string>& directories);
std::optional<std::uint64_t> task_room(const std::vector<std::string>& directories);

// A group, the process' own or one above it, whose tasks the kernel does not let run.
struct FrozenGroup {
  std::string directory;  // empty: not to be seen from here, the kernel's word for where a thread stands
  bool by_first_version = false;  // cgroup-v1/freezer-subsystem.rst: a task there comes to no ptrace stop
  bool all_stand = false;         // false while some are still on their way
};
std::optional<FrozenGroup> frozen_group(const std::vector<std::string>& directories);
std::optional<FrozenGroup> frozen_group(pid_t pid);
// "its control group is frozen (/sys/fs/cgroup/docker/1234)"
std::string tell(const FrozenGroup& group);

}  // namespace heapglass
