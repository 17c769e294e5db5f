// How a running target is held while its memory is taken, as people ask for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heapglass {

enum class FreezeMode {
  kCopy,     // stopped for as long as copying takes
  kNone,     // not stopped: what changes meanwhile is read half old, half new
  kPrecopy,  // copied while it runs, stopped for what it has written meanwhile
  kFork,     // stopped while it makes a copy of itself, which is read
  kAuto,     // what stops it shortest here
};

struct FreezeRequest {
  FreezeMode mode = FreezeMode::kCopy;
  std::optional<double> max_pause_ms;  // rather than hold it longer, throw Error kUnreachable
  bool residency = false;              // the capture also tells which pages were in memory
  bool sharing = false;                // ResidentMemory also tells what other processes map too
  bool urgent = false;                 // copy on all processors, and leave no time on them to others
  bool check_copy = false;             // for tests: kPrecopy compares its copy in the stop
};

// "copy" -> kCopy. Throws Error kUsage that lists the modes.
FreezeMode parse_freeze_mode(const std::string& name);
std::string_view name_of(FreezeMode mode);
// What each does, for a help text.
std::string freeze_help();

}  // namespace heapglass
