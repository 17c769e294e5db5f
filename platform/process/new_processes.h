// Whether a process can have been forked from another since a moment: by the numbers of new processes, which
// the kernel gives out in order.
#pragma once

#include <sys/types.h>

#include <optional>

namespace heapglass {

class NewProcesses {
 public:
  // From this moment on.
  explicit NewProcesses(pid_t of);
  // True where one that is there now may be a copy of it: it is new, no thread, and runs the same program.
  // Also where that cannot be told, and where there are too many new ones to look at each.
  bool may_be_forks() const;

 private:
  pid_t of_;
  std::optional<pid_t> last_;  // number given out before that moment
};

}  // namespace heapglass
