// A process whose control group is frozen by the freezer of version 1: it comes to no ptrace stop, and runs
// as little as in one. Its memory is read as it stands.
#pragma once

#include "platform/freezing/freeze_strategy.h"

namespace heapglass {

// Somebody let its group run while it was read: what was copied is of no one moment, and of no use.
class ThawedMeanwhile : public Error {
 public:
  explicit ThawedMeanwhile(pid_t pid);
};

// Nothing where it does not stand that way. Throws ThawedMeanwhile, Error kUnreachable.
std::optional<Capture> take_frozen(const Process& process, const SafePoint& moment, const TakeBytes& take);

}  // namespace heapglass
