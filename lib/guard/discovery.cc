#include "lib/guard/discovery.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "platform/process/proc_text.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

constexpr std::size_t kMostGroups = 10'000;

std::string proc_file(pid_t pid, const char* name) {
  return read_proc_file("/proc/" + std::to_string(pid) + "/" + name);
}

}  // namespace

std::vector<std::string> groups_of_pattern(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> out;
  if (glob(pattern.c_str(), GLOB_ONLYDIR, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc && out.size() < kMostGroups; ++i) {
      struct stat about {};
      if (stat(found.gl_pathv[i], &about) == 0 && S_ISDIR(about.st_mode)) out.emplace_back(found.gl_pathv[i]);
    }
  globfree(&found);
  return out;
}

std::vector<std::string> folders_of_pattern(const std::string& pattern) {
  std::vector<std::string> out;
  // Above the first *, whatever of it is there: the folder may be still to be made.
  std::string above = pattern.substr(0, pattern.rfind('/', pattern.find_first_of("*?[")));
  while (!above.empty() && access(above.c_str(), F_OK) != 0) above.erase(above.rfind('/'));
  out.push_back(above.empty() ? "/" : above);
  for (std::size_t at = pattern.find('/', above.size() + 1); at != std::string::npos;
       at = pattern.find('/', at + 1))
    for (std::string& each : groups_of_pattern(pattern.substr(0, at))) out.push_back(std::move(each));
  return out;
}

bool ProcessFilter::fits(const GuardRule& rule, pid_t pid) {
  if (rule.pid && *rule.pid != pid) return false;
  if (!rule.command.empty()) {
    std::string command = proc_file(pid, "cmdline");
    std::replace(command.begin(), command.end(), '\0', ' ');
    if (command.find(rule.command) == std::string::npos) return false;
  }
  if (rule.user.empty()) return true;
  std::istringstream uids(line_after(proc_file(pid, "status"), "Uid:"));
  std::string uid;
  return uids >> uid && (uid == rule.user || users_.of(uid) == rule.user);
}

std::vector<ActionTarget> action_targets(const GuardRule& rule, const std::vector<pid_t>& pids,
                                         ProcessFilter& filter) {
  std::vector<ActionTarget> out;
  for (const pid_t pid : pids) {
    ProcStat stat;
    if (pid == getpid() || !read_proc_stat(pid, stat) || stat.state == 'Z' || !filter.fits(rule, pid))
      continue;
    std::istringstream pages(proc_file(pid, "statm"));
    std::uint64_t size = 0, resident = 0;
    pages >> size >> resident;
    if (resident > 0)
      out.push_back({pid, stat.start_time, resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const ActionTarget& a, const ActionTarget& b) { return a.rss > b.rss; });
  return out;
}

bool is_another(const ActionTarget& candidate) {
  ProcStat stat;
  return read_proc_stat(candidate.pid, stat) && stat.start_time != candidate.start_time;
}

bool is_still(const ActionTarget& candidate) {
  ProcStat stat;
  return read_proc_stat(candidate.pid, stat) && stat.start_time == candidate.start_time;
}

}  // namespace heapglass
