#include "lib/open/process_selection.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "lib/base/error.h"
#include "lib/open/user_names.h"
#include "platform/process/cgroups.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"
#include "platform/process/process_origin.h"

namespace heapglass {
namespace {

using Parents = std::map<pid_t, pid_t>;

std::string proc_path(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::uint64_t start_time_of(pid_t pid) {
  ProcStat stat;
  return read_proc_stat(pid, stat) ? stat.start_time : 0;
}

// Where execve has put the stack, which is elsewhere each time, and the program: a fork has both of its
// parent. 0 where this user may not know it.
struct Execution {
  std::uint64_t stack = 0;
  dev_t device = 0;
  ino_t file = 0;
  bool operator==(const Execution&) const = default;
};
Execution execution_of(pid_t pid) {
  constexpr int kStartStack = 28, kFirstBehindName = 3;  // fields of proc_pid_stat(5)
  Execution out;
  const std::string text = read_proc_file(proc_path(pid, "stat"));
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int i = kFirstBehindName; i < kStartStack && fields >> field; ++i) {
  }
  fields >> out.stack;
  struct stat file = {};
  if (stat(proc_path(pid, "exe").c_str(), &file) == 0) {
    out.device = file.st_dev;
    out.file = file.st_ino;
  }
  return out;
}

// A child that has not called execve: its memory was its parent's.
bool is_fork_of(pid_t parent, pid_t child) {
  const Execution of_child = execution_of(child);
  return of_child.stack > 1 && of_child.file != 0 && of_child == execution_of(parent);
}

// The topmost of the processes that `pid` was forked from, and all that descends from that.
std::vector<pid_t> family_of(pid_t pid, const Parents& parents) {
  pid_t top = pid;
  for (auto at = parents.find(top); at != parents.end() && at->second > 1; at = parents.find(top)) {
    if (!is_fork_of(at->second, top)) break;
    top = at->second;
  }
  std::vector<pid_t> out{top};
  std::multimap<pid_t, pid_t> children;
  for (const auto& [child, parent] : parents) children.emplace(parent, child);
  std::set<pid_t> seen{top};  // the table is of many moments: it may have a circle
  for (std::size_t i = 0; i < out.size(); ++i)
    for (auto [at, end] = children.equal_range(out[i]); at != end; ++at)
      if (seen.insert(at->second).second) out.push_back(at->second);
  return out;
}

bool is_below(const std::string& path, const std::string& group) {
  return group == "/" || path == group || path.starts_with(group + "/");
}

bool shares_a_word(const std::string& some, const std::string& others) {
  std::istringstream words(some);
  for (std::string word; std::getline(words, word, ',');)
    if (("," + others + ",").find("," + word + ",") != std::string::npos) return true;
  return false;
}

std::vector<pid_t> in_cgroup(std::string group, const Parents& parents) {
  while (group.size() > 1 && group.ends_with('/')) group.pop_back();
  const bool is_directory = access((group + "/cgroup.procs").c_str(), F_OK) == 0;
  std::optional<CgroupLine> wanted;
  if (is_directory) {
    wanted = cgroup_of_directory(group, read_proc_file("/proc/self/mountinfo"));
  } else if (group.starts_with("/sys/fs/cgroup/")) {
    throw Error(
        ErrorKind::kUsage, "there is no control group '" + group + "'",
        "it may have been removed with its last process; cat /proc/PID/cgroup tells that of a process");
  }
  const std::string path = wanted ? wanted->path : group.starts_with('/') ? group : "/" + group;
  std::vector<pid_t> out;
  for (const auto& [pid, parent] : parents)
    for (const CgroupLine& line : cgroup_lines(read_proc_file(proc_path(pid, "cgroup")))) {
      if (!is_below(line.path, path)) continue;
      if (wanted && wanted->controllers.empty() != line.controllers.empty()) continue;
      if (wanted && !line.controllers.empty() && !shares_a_word(line.controllers, wanted->controllers))
        continue;
      out.push_back(pid);
      break;
    }
  if (out.empty())
    throw Error(ErrorKind::kUsage,
                is_directory ? "the control group '" + group + "' has no processes"
                             : "no process is in a control group '" + path + "'",
                "give its directory, or its path as in /proc/PID/cgroup; groups below it count too");
  return out;
}

std::vector<pid_t> in_container(const std::string& id, const Parents& parents) {
  constexpr std::size_t kFewestDigits = 4;
  if (id.size() < kFewestDigits || id.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw Error(ErrorKind::kUsage, "invalid --container '" + id + "'",
                "give the id or at least its first 4 digits, as `heapglass ps` and docker ps print them");
  std::vector<pid_t> out;
  std::set<std::string> meant;
  for (const auto& [pid, parent] : parents)
    for (const std::string& each : containers_of(pid))
      if (each.starts_with(id)) {
        if (out.empty() || out.back() != pid) out.push_back(pid);
        meant.insert(each.substr(0, 12));
      }
  if (meant.size() > 1) {
    std::string all;
    for (const std::string& each : meant) all += (all.empty() ? "" : ", ") + each;
    throw Error(ErrorKind::kUsage,
                "--container " + id + " stands for " + std::to_string(meant.size()) + " containers: " + all,
                "give more digits");
  }
  if (out.empty())
    throw Error(ErrorKind::kUsage, "no process is in a container whose id begins with " + id,
                "`heapglass ps` prints the container of each; its runtime may hide the id: try --cgroup");
  return out;
}

std::vector<pid_t> of_user(const std::string& user, const Parents& parents) {
  UserNames names;
  std::vector<pid_t> out;
  for (const auto& [pid, parent] : parents) {
    std::istringstream uids(line_after(read_proc_file(proc_path(pid, "status")), "Uid:"));
    std::string uid;
    if (uids >> uid && (uid == user || names.of(uid) == user)) out.push_back(pid);
  }
  if (out.empty())
    throw Error(ErrorKind::kUsage, "no process belongs to a user '" + user + "'",
                "give the name as /etc/passwd of this host has it, or the number");
  return out;
}

std::vector<pid_t> candidates_of(const ProcessSelection& selection, const Parents& parents) {
  if (selection.family) {
    if (!parents.contains(*selection.family))
      throw Error(ErrorKind::kUnreachable, "there is no process " + std::to_string(*selection.family),
                  "`heapglass ps` lists the Python processes");
    return family_of(*selection.family, parents);
  }
  if (!selection.cgroup.empty()) return in_cgroup(selection.cgroup, parents);
  if (!selection.container.empty()) return in_container(selection.container, parents);
  if (!selection.user.empty()) return of_user(selection.user, parents);
  std::vector<pid_t> all;
  for (const auto& [pid, parent] : parents) all.push_back(pid);
  return all;
}

std::string name_of(const ProcessSelection& selection) {
  if (selection.family) return "the family of " + std::to_string(*selection.family);
  if (!selection.cgroup.empty()) return "control group " + selection.cgroup;
  if (!selection.container.empty()) return "container " + selection.container;
  if (!selection.user.empty()) return "user " + selection.user;
  return "this machine";
}

std::string command_of(pid_t pid) {
  std::string text = read_proc_file(proc_path(pid, "cmdline"));
  while (text.ends_with('\0')) text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (!text.empty()) return text;
  text = read_proc_file(proc_path(pid, "comm"));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

pid_t master_of(pid_t pid, const Parents& parents, const std::set<pid_t>& selected) {
  const auto parent = parents.find(pid);
  if (parent == parents.end() || !selected.contains(parent->second)) return 0;
  return is_fork_of(parent->second, pid) ? parent->second : 0;
}

// Not one whose main thread has ended before others.
bool is_zombie(pid_t pid) {
  const std::string status = read_proc_file(proc_path(pid, "status"));
  std::istringstream state(line_after(status, "State:"));
  std::string letter;
  return state >> letter && letter == "Z" && number_after(status, "Threads:") <= 1;
}

// Each behind its master, otherwise by pid.
void order(std::vector<SelectedProcess>& processes) {
  std::vector<SelectedProcess> ordered;
  std::set<pid_t> placed;
  const auto place = [&](pid_t master) {
    for (const SelectedProcess& each : processes)
      if (each.master == master && placed.insert(each.process.pid).second) ordered.push_back(each);
  };
  place(0);
  for (std::size_t i = 0; i < ordered.size(); ++i) place(ordered[i].process.pid);
  processes = std::move(ordered);
}

}  // namespace

bool is_still(const SelectedProcess& selected) {
  return selected.start_time != 0 && start_time_of(selected.process.pid) == selected.start_time;
}

SelectedProcesses select_processes(const ProcessSelection& selection) {
  const Parents parents = parents_of_processes();
  std::vector<pid_t> candidates = candidates_of(selection, parents);
  std::erase(candidates, getpid());
  SelectedProcesses out{.what = name_of(selection), .processes = {}, .left_out = {}};
  if (candidates.empty()) return out;
  std::map<pid_t, std::uint64_t> started;
  for (const pid_t pid : candidates) started[pid] = start_time_of(pid);
  PythonProcesses looked_at = python_processes({.sharing = true, .only = candidates});
  // On a whole machine or of a user most processes are no Python, which is nothing to be told of.
  const bool each_is_told = !selection.all && selection.user.empty();
  std::set<pid_t> told;
  const auto leave_out = [&](pid_t pid, const std::string& why) {
    told.insert(pid);
    out.left_out.push_back({pid, command_of(pid), why});
  };
  std::set<pid_t> selected;
  for (PythonProcess& each : looked_at.found) {
    told.insert(each.pid);
    if (each.pid == getpid()) continue;
    if (!each.cannot.empty()) {
      leave_out(each.pid, each.cannot);
    } else if (start_time_of(each.pid) != started[each.pid]) {
      leave_out(each.pid, "it ended meanwhile, and its pid was given to another process");
    } else {
      selected.insert(each.pid);
      out.processes.push_back({.process = std::move(each), .start_time = 0});
      out.processes.back().start_time = started[out.processes.back().process.pid];
    }
  }
  for (const pid_t pid : looked_at.unanswered)
    leave_out(pid, "the kernel told nothing of it within a second: its memory map is locked");
  out.not_permitted = each_is_told ? 0 : looked_at.not_permitted;
  if (each_is_told) {
    for (const auto& [pid, why] : looked_at.refused) leave_out(pid, why);
    for (const pid_t pid : candidates)
      if (!told.contains(pid))
        leave_out(pid, started[pid] == 0 || start_time_of(pid) != started[pid] ? "it ended meanwhile"
                       : is_zombie(pid) ? "it has ended and is a zombie"
                                        : "no Python runs there");
  }
  for (SelectedProcess& each : out.processes) each.master = master_of(each.process.pid, parents, selected);
  order(out.processes);
  std::sort(out.left_out.begin(), out.left_out.end(),
            [](const auto& a, const auto& b) { return a.pid < b.pid; });
  return out;
}

PythonProcesses list_processes(const ProcessSelection& selection) {
  PythonProcesses out;
  try {
    SelectedProcesses selected = select_processes(selection);
    for (SelectedProcess& each : selected.processes) out.found.push_back(std::move(each.process));
    out.looked_at = selected.processes.size() + selected.left_out.size();
    out.not_permitted = selected.not_permitted;
  } catch (const Error&) {
    // All of them have ended.
  }
  return out;
}

}  // namespace heapglass
