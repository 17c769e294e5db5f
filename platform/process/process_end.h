// How a process that is no child of ours has ended.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace heapglass {

// The status as waitpid(2) gives it: of one whose parent has not waited for it yet by /proc, of one that is
// gone by its descriptor, which takes Linux 6.15. Nothing where neither tells.
std::optional<int> end_status(pid_t pid, std::uint64_t start_time, int pidfd);

// "exited with code 1", "was ended by signal 9 (KILL)"; "ended" where it is not known how.
std::string describe_end(std::optional<int> status);

}  // namespace heapglass
