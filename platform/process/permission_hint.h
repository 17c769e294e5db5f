// What keeps us from a process that is there.
#pragma once

#include <sys/types.h>

#include <string>

namespace heapglass {

// What would help after a look at process `pid`, or a ptrace of it, was refused: the capability, sysctl,
// namespace or filter that is in the way, as far as it can be told from here.
std::string permission_hint(pid_t pid);

// Why there is no /proc/PID to look at: no such process, one that is hidden, or no /proc. What was found,
// and what helps.
struct Absence {
  std::string found, hint;
};
Absence diagnose_missing_process(pid_t pid);

}  // namespace heapglass
