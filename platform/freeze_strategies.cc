#include "platform/freeze_strategies.h"

#include <algorithm>
#include <cstdio>

#include "platform/freeze_copy.h"
#include "platform/freeze_fork.h"
#include "platform/freeze_none.h"
#include "platform/freeze_precopy.h"

namespace heapglass {
namespace {

constexpr FreezeStrategy kWays[] = {
    {FreezeMode::kCopy, true, why_not_copy, estimate_copy_ms, freeze_copy},
    {FreezeMode::kPrecopy, true, why_not_precopy, estimate_precopy_ms, freeze_precopy},
    {FreezeMode::kFork, true, why_not_fork, estimate_fork_ms, freeze_fork},
    {FreezeMode::kNone, false, why_not_none, estimate_none_ms, freeze_none},
};

// Copying injects nothing: what others save is not worth it below this.
constexpr double kShortMs = 10;

const FreezeStrategy& way_of(FreezeMode mode) {
  return *std::find_if(std::begin(kWays), std::end(kWays),
                       [&](const FreezeStrategy& w) { return w.mode == mode; });
}

const FreezeStrategy& shortest(CapturePlan& prepared) {
  const FreezeStrategy* best = &way_of(FreezeMode::kCopy);
  double best_ms = best->estimate_ms(prepared);
  if (best_ms <= kShortMs) return *best;
  for (const FreezeStrategy& way : kWays) {
    if (!way.one_moment || !way.why_not(prepared.process()).empty()) continue;
    if (const double ms = way.estimate_ms(prepared); ms < best_ms) {
      best = &way;
      best_ms = ms;
    }
  }
  return *best;
}

// What else would do, for people.
std::string strategies_within(CapturePlan& prepared, double max_pause_ms) {
  std::string fit;
  for (const FreezeStrategy& way : kWays) {
    const std::string option = "--freeze=" + std::string(name_of(way.mode));
    if (!way.one_moment) {
      fit += (fit.empty() ? "" : "; ") + option +
             " would fit: it does not hold it, and leaves out what changes while it reads";
    } else if (way.why_not(prepared.process()).empty()) {
      if (const double ms = way.estimate_ms(prepared); ms <= max_pause_ms)
        fit += (fit.empty() ? "" : "; ") + option + " would fit, about " + as_ms(ms);
    }
  }
  return fit;
}

void refuse_if_too_long(const FreezeStrategy& way, CapturePlan& prepared, double max_pause_ms) {
  const double ms = way.estimate_ms(prepared);
  if (ms <= max_pause_ms) return;
  char speed[32];
  std::snprintf(speed, sizeof speed, "%.1f GB/s", prepared.estimate().gigabytes_per_second);
  throw Error(ErrorKind::kUnreachable,
              "process " + std::to_string(prepared.process().pid()) + " was not stopped: taking its " +
                  as_mb(prepared.estimate().bytes) + " by " + std::string(name_of(way.mode)) +
                  " would hold it for about " + as_ms(ms) + " at the " + speed +
                  " of this moment, --max-pause permits " + as_ms(max_pause_ms),
              strategies_within(prepared, max_pause_ms));
}

}  // namespace

std::span<const FreezeStrategy> freeze_strategies() { return kWays; }

Capture capture_with(CapturePlan& prepared, const FreezeRequest& request, const SafePoint& moment) {
  const FreezeStrategy* way = request.mode == FreezeMode::kAuto ? &shortest(prepared) : &way_of(request.mode);
  std::string reason = way->why_not(prepared.process());
  Capture capture;
  const auto take = [&](const FreezeStrategy& by) {
    if (request.max_pause_ms) refuse_if_too_long(by, prepared, *request.max_pause_ms);
    capture = by.take(prepared, moment, request.max_pause_ms);
    capture.freeze = name_of(by.mode);
  };
  if (reason.empty()) {
    try {
      take(*way);
      return capture;
    } catch (const FreezeModeUnavailable& cannot) {
      reason = cannot.what();
    }
  }
  take(way_of(FreezeMode::kCopy));
  capture.caveats.push_back(
      {"freeze-mode",
       0,
       "captured by copy, as --freeze=" + std::string(name_of(way->mode)) + " cannot be used here: " + reason,
       {std::string(name_of(way->mode))}});
  return capture;
}

}  // namespace heapglass
