// What the rules of guard are for, as it comes and goes.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "lib/guard/rules.h"
#include "lib/open/user_names.h"

namespace heapglass {

// Directories that a pattern stands for now, in order of name. At most 10,000.
std::vector<std::string> groups_of_pattern(const std::string& pattern);
// Folders in which a group of the pattern could be made: of each part with a * those above it.
std::vector<std::string> folders_of_pattern(const std::string& pattern);

// Whether a process is one that the rule is for; by /proc, without stopping it.
class ProcessFilter {
 public:
  bool fits(const GuardRule& rule, pid_t pid);

 private:
  UserNames users_;
};

struct ActionTarget {
  pid_t pid = 0;
  std::uint64_t start_time = 0, rss = 0;
};
// Those of `pids` that fit, by RSS, the largest first, without guard itself.
std::vector<ActionTarget> action_targets(const GuardRule& rule, const std::vector<pid_t>& pids,
                                         ProcessFilter& filter);
bool is_still(const ActionTarget& candidate);
bool is_another(const ActionTarget& candidate);  // the pid is another process' now

}  // namespace heapglass
