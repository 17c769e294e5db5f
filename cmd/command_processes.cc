// Options that select several processes, and a command that is run for each of them.
#include <limits>

#include "cmd/command.h"

namespace heapglass {

void CommandLine::takes_processes() {
  lists_processes();
  runs_for_each_ = true;
}

void CommandLine::lists_processes() {
  takes_processes_ = true;
  count("family", &processes_.family, 1, std::numeric_limits<pid_t>::max(),
        "instead of TARGET: the process, the master that it was forked from, and all their descendants",
        "PID");
  option(
      "cgroup", &processes_.cgroup, "PATH",
      "instead of TARGET: the processes of a control group and of those below it; its directory, or its path "
      "as in /proc/PID/cgroup");
  option("container", &processes_.container, "ID",
         "instead of TARGET: the processes of a container, by at least 4 digits of its id");
  option("user", &processes_.user, "NAME", "instead of TARGET: the processes of a user, by name or number");
  flag("all", &processes_.all, "instead of TARGET: every Python process of this machine that can be read");
}

void CommandLine::take_one_of_several() {
  processes_ = {};
  common_.target = std::to_string(one_of_several_->selected.process.pid);
  common_.format = one_of_several_->format;
  common_.output = one_of_several_->output;
  common_.on_answer = one_of_several_->on_answer;
  common_.shown_on = one_of_several_->shown_on;
}

std::optional<SeveralProcesses> selection_of(const Command& command,
                                             const std::vector<std::string>& arguments) {
  std::optional<SeveralProcesses> several;
  CommandLine::select_into_ = &several;
  try {
    command.run(arguments);
  } catch (...) {
    CommandLine::select_into_ = nullptr;
    throw;
  }
  CommandLine::select_into_ = nullptr;
  return several;
}

int run_for_one(const Command& command, const std::vector<std::string>& arguments, const OneOfSeveral& one) {
  CommandLine::one_of_several_ = &one;
  const int code = command.run(arguments);
  CommandLine::one_of_several_ = nullptr;
  return code;
}

}  // namespace heapglass
