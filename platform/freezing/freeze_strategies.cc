#include "platform/freezing/freeze_strategies.h"

#include <algorithm>
#include <cstdio>

#include "platform/freezing/freeze_copy.h"
#include "platform/freezing/freeze_fork.h"
#include "platform/freezing/freeze_none.h"
#include "platform/freezing/freeze_precopy.h"

namespace heapglass {
namespace {

constexpr FreezeStrategy kStrategies[] = {
    {FreezeMode::kCopy, true, why_not_copy, estimate_copy_ms, freeze_copy},
    {FreezeMode::kPrecopy, true, why_not_precopy, estimate_precopy_ms, freeze_precopy},
    {FreezeMode::kFork, true, why_not_fork, estimate_fork_ms, freeze_fork},
    {FreezeMode::kNone, false, why_not_none, estimate_none_ms, freeze_none},
};

// Copying injects nothing: what others save is not worth it below this.
constexpr double kShortMs = 10;

const FreezeStrategy& strategy_of(FreezeMode mode) {
  return *std::find_if(std::begin(kStrategies), std::end(kStrategies),
                       [&](const FreezeStrategy& w) { return w.mode == mode; });
}

const FreezeStrategy& shortest(CapturePlan& prepared) {
  const FreezeStrategy* best = &strategy_of(FreezeMode::kCopy);
  double best_ms = best->estimate_ms(prepared);
  if (best_ms <= kShortMs) return *best;
  for (const FreezeStrategy& strategy : kStrategies) {
    if (!strategy.one_moment || !strategy.why_not(prepared.process()).empty()) continue;
    if (const double ms = strategy.estimate_ms(prepared); ms < best_ms) {
      best = &strategy;
      best_ms = ms;
    }
  }
  return *best;
}

// What else would do, for people.
std::string strategies_within(CapturePlan& prepared, double max_pause_ms) {
  std::string fit;
  for (const FreezeStrategy& strategy : kStrategies) {
    const std::string option = "--freeze=" + std::string(name_of(strategy.mode));
    if (!strategy.one_moment) {
      fit += (fit.empty() ? "" : "; ") + option +
             " would fit: it does not hold it, and leaves out what changes while it reads";
    } else if (strategy.why_not(prepared.process()).empty()) {
      if (const double ms = strategy.estimate_ms(prepared); ms <= max_pause_ms)
        fit += (fit.empty() ? "" : "; ") + option + " would fit, about " + as_ms(ms);
    }
  }
  return fit;
}

void refuse_if_too_long(const FreezeStrategy& strategy, CapturePlan& prepared, double max_pause_ms) {
  const double ms = strategy.estimate_ms(prepared);
  if (ms <= max_pause_ms) return;
  char speed[32];
  std::snprintf(speed, sizeof speed, "%.1f GB/s", prepared.estimate().gigabytes_per_second);
  throw Error(ErrorKind::kUnreachable,
              "process " + std::to_string(prepared.process().pid()) + " was not stopped: taking its " +
                  as_mb(prepared.estimate().bytes) + " by " + std::string(name_of(strategy.mode)) +
                  " would hold it for about " + as_ms(ms) + " at the " + speed +
                  " of this moment, --max-pause permits " + as_ms(max_pause_ms),
              strategies_within(prepared, max_pause_ms));
}

}  // namespace

std::span<const FreezeStrategy> freeze_strategies() { return kStrategies; }

Capture capture_with(CapturePlan& prepared, const FreezeRequest& request, const SafePoint& moment) {
  const FreezeStrategy* strategy =
      request.mode == FreezeMode::kAuto ? &shortest(prepared) : &strategy_of(request.mode);
  std::string reason = strategy->why_not(prepared.process());
  Capture capture;
  const auto take = [&](const FreezeStrategy& by) {
    if (request.max_pause_ms) refuse_if_too_long(by, prepared, *request.max_pause_ms);
    capture = by.take(prepared, moment, request.max_pause_ms);
    capture.freeze = name_of(by.mode);
  };
  if (reason.empty()) {
    try {
      take(*strategy);
      return capture;
    } catch (const FreezeModeUnavailable& cannot) {
      reason = cannot.what();
    }
  }
  take(strategy_of(FreezeMode::kCopy));
  capture.caveats.push_back({"freeze-mode",
                             0,
                             "captured by copy, as --freeze=" + std::string(name_of(strategy->mode)) +
                                 " cannot be used here: " + reason,
                             {std::string(name_of(strategy->mode))}});
  return capture;
}

}  // namespace heapglass
