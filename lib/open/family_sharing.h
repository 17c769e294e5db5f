// How several processes share their memory: what all of them map, what some, and what one alone.
#pragma once

#include <sys/types.h>

#include <vector>

#include "lib/memory/member_sharing.h"

namespace heapglass {

// By /proc/PID/smaps and pagemap, one process after the other, while they run; nothing of their memory is
// read. A process that is gone meanwhile has zeros. Where the kernel tells no page frames (without
// CAP_SYS_ADMIN) pages at equal addresses of one family, or of one place in a file, are taken for the same:
// `by_frames` is false then.
struct FamilySharing {
  std::vector<MemberSharing> members;  // as the pids
  bool by_frames = true;
};
FamilySharing read_family_sharing(const std::vector<pid_t>& pids);

}  // namespace heapglass
