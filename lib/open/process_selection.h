// Several processes as one target: --family, --cgroup, --container, --user, --all. Nothing is stopped for it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/open/python_processes.h"

namespace heapglass {

struct ProcessSelection {
  std::optional<pid_t> family;
  std::string cgroup, container, user;
  bool all = false;

  int given() const {
    return family.has_value() + !cgroup.empty() + !container.empty() + !user.empty() + static_cast<int>(all);
  }
};

struct SelectedProcess {
  PythonProcess process;
  std::uint64_t start_time = 0;  // clock ticks since boot: a pid that is given again has another
  pid_t master = 0;  // of the selection, and this was forked from it and shares its memory; 0: there is none
};

struct LeftOutProcess {
  pid_t pid = 0;
  std::string command, why;
};

struct SelectedProcesses {
  std::string what;                        // "the family of 4711", "control group /app.slice"
  std::vector<SelectedProcess> processes;  // a master before what it has forked, else by pid
  std::vector<LeftOutProcess> left_out;
  std::uint64_t not_permitted = 0;  // where the rest of the machine was looked at: those that may not be read
};

// One kind of selection. Throws Error where nothing of it exists.
SelectedProcesses select_processes(const ProcessSelection& selection);

// The same as ps has them, for a list that is made again and again: without what is left out, and empty where
// nothing of it exists any more.
PythonProcesses list_processes(const ProcessSelection& selection);

// Whether this pid is still the process that was selected.
bool is_still(const SelectedProcess& selected);

}  // namespace heapglass
