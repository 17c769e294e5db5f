// The command lines of what guard runs, each a heapglass of its own.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "lib/guard/rules.h"

namespace heapglass {

// With kill_is_near the time before the stop counts too.
std::vector<std::string> snapshot_words(const GuardRule& rule, bool kill_is_near, pid_t pid,
                                        const std::string& freeze, const std::string& file,
                                        const std::string& values);

// Of a process, while it is there: a snapshot does not have its groups, and without values no command line.
struct PushedAs {
  std::string service;
  std::map<std::string, std::string, std::less<>> labels;
};
PushedAs pushed_as(pid_t pid, const std::string& group);

std::vector<std::string> push_words(const GuardRules& rules, const std::string& snapshot, const PushedAs& as);

}  // namespace heapglass
