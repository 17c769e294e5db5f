#include "lib/open/python_processes.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "lib/base/error.h"
#include "lib/open/user_names.h"
#include "lib/python/python_name.h"
#include "platform/binaries/mapped_binaries.h"
#include "platform/process/cgroups.h"
#include "platform/process/proc_text.h"
#include "platform/process/process.h"
#include "platform/process/process_origin.h"
#include "platform/process/resident_memory.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestCommand = 60;  // in a message

std::string proc_file(pid_t pid, const char* name) {
  return read_proc_file("/proc/" + std::to_string(pid) + "/" + name);
}

// Whether a file may have an interpreter in it, remembered: hundreds of processes map the same libraries.
class InterpreterFiles {
 public:
  bool may_have_one(const Process& process, const Mapping& mapping, const Mappings& all) {
    const auto key = std::pair(mapping.device, mapping.inode);
    if (const auto at = known_.find(key); at != known_.end()) return at->second;
    return known_[key] = look(process, mapping, all);
  }

 private:
  static bool look(const Process& process, const Mapping& mapping, const Mappings& all) {
    Mappings of_file;
    for (const Mapping& m : all)
      if (m.device == mapping.device && m.inode == mapping.inode) of_file.push_back(m);
    const auto binaries = mapped_binaries(
        of_file, mapping.path, "", [&](const Mapping& m) { return process.open_mapped_file(m); }, &process);
    return std::any_of(binaries.begin(), binaries.end(),
                       [](const auto& binary) { return may_be_python(*binary); });
  }
  std::map<std::pair<std::uint64_t, std::uint64_t>, bool> known_;
};

std::string text_of(const PythonName& name) {
  return name.implementation + (name.version.empty() ? "" : " " + name.version) +
         (name.py_debug ? " (debug)" : "") + (name.free_threaded ? " (free-threaded)" : "");
}

const char* state_name(char state) {
  switch (state) {
    case 'R':
      return "running";
    case 'S':
      return "sleeping";
    case 'D':
      return "waiting for a device";
    case 'T':
      return "stopped";
    case 't':
      return "traced";
    case 'Z':
      return "zombie";
    case 'I':
      return "idle";
    default:
      return "unknown";
  }
}

// Another heapglass at work has its target's interpreter mapped, which it does not run.
bool is_heapglass(const std::string& executable) {
  const std::string name = executable.substr(executable.rfind('/') + 1);
  return name == "heapglass" || name == "heapglass (deleted)";
}

// As ps prints it.
std::string container_of(pid_t pid) {
  constexpr std::size_t kShown = 12;
  const std::vector<std::string> ids = containers_of(pid);
  return ids.empty() ? "" : ids.front().substr(0, kShown);
}

double uptime() { return std::strtod(read_proc_file("/proc/uptime").c_str(), nullptr); }

// One process at a time; its tables serve those that come later.
class Looker {
 public:
  explicit Looker(bool sharing) : sharing_(sharing), uptime_(uptime()) {}

  // nullopt: no Python runs there. Throws Error where it cannot be looked at.
  std::optional<PythonProcess> look_at(pid_t pid) {
    const Process process = Process::open(pid);
    if (is_heapglass(process.executable())) return std::nullopt;
    const Mappings mappings = process.mappings();
    std::set<std::pair<std::uint64_t, std::uint64_t>> files;
    for (const Mapping& m : mappings)
      if (m.has_file() && m.file_offset == 0 && !m.shared && m.path.starts_with('/') &&
          files_.may_have_one(process, m, mappings))
        files.insert({m.device, m.inode});
    if (files.empty()) return std::nullopt;
    Mappings of_interpreter;
    for (const Mapping& m : mappings)
      if (files.contains({m.device, m.inode})) of_interpreter.push_back(m);
    const auto binaries = mapped_binaries(
        of_interpreter, process.executable(), "/proc/" + std::to_string(pid) + "/root",
        [&](const Mapping& m) { return process.open_mapped_file(m); }, &process);
    const PythonName name = name_python(process, binaries);
    if (name.implementation.empty()) return std::nullopt;
    PythonProcess found;
    found.python = text_of(name);
    if (!name.is_read) found.cannot = "heapglass does not read " + found.python;
    found.program = name.binary ? name.binary->path() : "";
    describe(process, found);
    return found;
  }

 private:
  void describe(const Process& process, PythonProcess& found) {
    const pid_t pid = process.pid();
    const std::string status = proc_file(pid, "status");
    found.pid = process.id();
    found.parent = static_cast<pid_t>(number_after(status, "PPid:"));
    found.threads = number_after(status, "Threads:");
    std::istringstream uids(line_after(status, "Uid:"));
    std::string uid;
    uids >> uid;
    found.user = users_.of(uid);
    found.command = process.command_line();
    if (auto memory = read_resident_memory(pid)) {
      if (sharing_) read_sharing(pid, *memory);
      found.rss = memory->rss;
      found.proportional = memory->proportional;
    }
    ProcStat stat;
    if (read_proc_stat(pid, stat)) {
      found.state = state_name(stat.state);
      found.age = std::max(
          0.0, uptime_ - static_cast<double>(stat.start_time) / static_cast<double>(sysconf(_SC_CLK_TCK)));
    }
    if (frozen_group(pid)) found.state = "frozen";
    found.container = container_of(pid);
  }

  const bool sharing_;
  const double uptime_;
  InterpreterFiles files_;
  UserNames users_;
};

// A read of /proc may wait for ever for a process that waits itself, in the kernel, with its memory map
// locked. So the processes are looked at by a thread of their own, which is left behind where one takes a
// second; another goes on with the next process.
class Search : public std::enable_shared_from_this<Search> {
 public:
  Search(std::vector<pid_t> pids, bool sharing) : pids_(std::move(pids)), sharing_(sharing) {}

  PythonProcesses run() {
    std::unique_lock lock(mutex_);
    out_.looked_at = pids_.size();
    start();
    while (next_ < pids_.size() || busy_) {
      const std::size_t at = next_;
      if (changed_.wait_for(lock, std::chrono::seconds(1), [&] { return next_ != at || !busy_; })) continue;
      out_.unanswered.push_back(pids_[next_ - 1]);
      ++generation_;  // what the thread finds that is left behind counts no more
      busy_ = false;
      if (next_ < pids_.size()) start();
    }
    std::sort(out_.found.begin(), out_.found.end(),
              [](const auto& a, const auto& b) { return a.pid < b.pid; });
    return std::move(out_);
  }

 private:
  void start() {
    busy_ = true;
    std::thread([self = shared_from_this(), generation = generation_] { self->work(generation); }).detach();
  }

  void work(unsigned generation) {
    Looker looker(sharing_);
    std::unique_lock lock(mutex_);
    while (generation == generation_ && next_ < pids_.size()) {
      const pid_t pid = pids_[next_++];
      changed_.notify_one();
      lock.unlock();
      std::optional<PythonProcess> found;
      std::string refused;
      try {
        // The kernel's own threads have no memory, and neither has what is ending.
        if (!line_after(proc_file(pid, "status"), "VmRSS:").empty()) found = looker.look_at(pid);
      } catch (const Error& error) {
        if (!line_after(proc_file(pid, "status"), "VmRSS:").empty()) refused = error.what();
      }
      lock.lock();
      if (generation != generation_) return;
      if (found) out_.found.push_back(std::move(*found));
      if (refused.empty()) continue;
      ++out_.not_permitted;
      out_.refused.emplace_back(pid, std::move(refused));
    }
    if (generation != generation_) return;
    busy_ = false;
    changed_.notify_one();
  }

  const std::vector<pid_t> pids_;
  const bool sharing_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;  // of pids_: the first that nobody has taken
  bool busy_ = false;     // a thread that counts is at work
  unsigned generation_ = 0;
  PythonProcesses out_;
};

std::string short_command(const PythonProcess& process) {
  return process.command.size() <= kLongestCommand ? process.command
                                                   : process.command.substr(0, kLongestCommand) + "...";
}

std::string in_a_line(const std::vector<PythonProcess>& processes) {
  constexpr std::size_t kMost = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(kMost, processes.size()); ++i)
    text += (i ? ", " : "") + std::to_string(processes[i].pid) + " (" + short_command(processes[i]) + ")";
  if (processes.size() > kMost) text += " and " + std::to_string(processes.size() - kMost) + " more";
  return text;
}

bool is_meant(const PythonProcess& process, const std::string& name) {
  constexpr std::size_t kFewestDigits = 4;
  return process.command.find(name) != std::string::npos ||
         (name.size() >= kFewestDigits && process.container.starts_with(name.substr(0, 12)));
}

}  // namespace

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc"), closedir);
  if (!folder) return pids;
  while (const dirent* entry = readdir(folder.get()))
    if (const pid_t pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10)); pid > 0)
      pids.push_back(pid);
  std::sort(pids.begin(), pids.end());
  return pids;
}

std::map<pid_t, pid_t> parents_of_processes() {
  std::map<pid_t, pid_t> out;
  for (const pid_t pid : all_pids())
    out[pid] = static_cast<pid_t>(number_after(proc_file(pid, "status"), "PPid:"));
  return out;
}

PythonProcesses python_processes(const ProcessChoice& choice) {
  return std::make_shared<Search>(choice.only.empty() ? all_pids() : choice.only, choice.sharing)->run();
}

pid_t process_named(const std::string& name) {
  const PythonProcesses all = python_processes();
  std::vector<PythonProcess> meant;
  for (const PythonProcess& each : all.found)
    if (each.cannot.empty() && each.pid != getpid() && is_meant(each, name)) meant.push_back(each);
  if (meant.size() == 1) return meant.front().pid;
  const std::string unseen =
      all.not_permitted ? "; " + std::to_string(all.not_permitted) + " processes may not be read by this user"
                        : "";
  if (meant.empty())
    throw Error(
        ErrorKind::kUsage,
        "no process that heapglass reads has '" + name + "' in its command or as its container" + unseen,
        "`heapglass ps` lists them");
  throw Error(
      ErrorKind::kUsage,
      "'@" + name + "' stands for " + std::to_string(meant.size()) + " processes: " + in_a_line(meant),
      "give more of the command, or a pid");
}

std::string python_relatives(pid_t pid) {
  const std::map<pid_t, pid_t> parent_of = parents_of_processes();
  std::multimap<pid_t, pid_t> children;
  for (const auto& [child, parent] : parent_of) children.emplace(parent, child);
  // Descendants by generation: a launcher's child, or a shell's in a container's init.
  constexpr int kGenerations = 4;
  std::vector<pid_t> generation{pid};
  for (int i = 0; i < kGenerations && !generation.empty(); ++i) {
    std::vector<pid_t> next;
    for (const pid_t each : generation)
      for (auto [at, end] = children.equal_range(each); at != end; ++at) next.push_back(at->second);
    std::vector<PythonProcess> found;
    if (!next.empty()) found = python_processes({.only = next}).found;
    std::erase_if(found, [](const PythonProcess& p) { return !p.cannot.empty(); });
    if (found.size() == 1) return "its child " + in_a_line(found) + " runs " + found.front().python;
    if (!found.empty()) return "its children run Python: " + in_a_line(found);
    generation = std::move(next);
  }
  pid_t above = pid;
  for (int i = 0; i < kGenerations; ++i) {
    const auto at = parent_of.find(above);
    if (at == parent_of.end() || at->second <= 1) break;
    above = at->second;
    std::vector<PythonProcess> found = python_processes({.only = {above}}).found;
    if (!found.empty() && found.front().cannot.empty())
      return "its parent " + in_a_line(found) + " runs " + found.front().python;
  }
  return "";
}

}  // namespace heapglass
