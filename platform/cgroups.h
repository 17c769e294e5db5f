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
