// A process held, and used for system calls, from a helper of ours that outlives us where it must.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "lib/target/safe_point.h"
#include "platform/copying/capture_plan.h"
#include "platform/injection/injected_calls.h"
#include "platform/stopping/helper_process.h"
#include "platform/stopping/stopped_process.h"

namespace heapglass {

// What a helper reports when it has detached: as it is on the channel.
struct HoldResult {
  enum class End : std::int32_t { kDone, kCannotInject, kCannotStop, kFailed, kHelperGone };
  End end = End::kHelperGone;
  std::uint32_t looks = 0;
  bool no_safe_point = false, was_stopped = false;
  double pause_ms = 0;  // the longest time that the process was stopped
  long result = 0;      // of what was done in the stop
};
static_assert(std::is_trivially_copyable_v<HoldResult>);

struct HoldReport : HoldResult {
  std::string what, hint;  // of everything but kDone
  std::vector<ThreadRegisters> threads;
};

// Steps of one hold; they run in the helper.
struct InjectionPlan {
  enum class Of { kAllThreads, kOneThread };  // the others run on meanwhile
  Of of = Of::kAllThreads;
  // In the stop, by a thread that was chosen.
  std::function<long(InjectedCalls&)> in_stop;
  // Once the process runs again and the report is sent. It has to call `stragglers_detached` now and then,
  // until that says true: StoppedProcess::detach_stragglers().
  std::function<void(Channel&, const std::function<bool()>& stragglers_detached, const HoldReport&)> then;
};

class TracerHelper {
 public:
  // Holds the process at a good moment, in a helper; several helpers one after the other where it cannot be
  // stopped at first. Throws FreezeModeUnavailable, or Error kUnreachable as StoppedProcess does.
  TracerHelper(const Process& process, const SyscallGadgets& sites, const SafePoint& moment,
               const StopOptions& options, const InjectionPlan& steps);
  const HoldReport& report() const { return report_; }
  const Channel& channel() const { return helper_->channel(); }
  pid_t helper() const { return helper_->pid(); }

 private:
  HoldReport report_;
  std::unique_ptr<HelperProcess> helper_;  // has ended where the report is that it is gone
};

}  // namespace heapglass
