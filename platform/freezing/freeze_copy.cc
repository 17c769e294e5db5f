#include "platform/freezing/freeze_copy.h"

#include <chrono>
#include <string>

#include "platform/freezing/frozen_copy.h"
#include "platform/process/threads.h"
#include "platform/stopping/safe_point_wait.h"
#include "platform/stopping/stopped_process.h"

namespace heapglass {

std::string why_not_copy(const Process&) { return ""; }

double estimate_copy_ms(CapturePlan& prepared) {
  // One run differs from the next by about a tenth on a quiet machine.
  return stop_ms(list_threads(prepared.process().pid()).size()) + 1.1 * prepared.estimate().ms;
}

std::pair<Capture, bool> take_held(const Process& process, const SafePoint& moment,
                                   std::optional<double> max_pause_ms, const TakeBytes& take) {
  if (auto frozen = take_frozen(process, moment, take)) return {std::move(*frozen), true};
  Capture capture;
  StopOptions options;
  const auto limit = std::chrono::duration_cast<StopClock::duration>(
      std::chrono::duration<double, std::milli>(max_pause_ms.value_or(0)));
  if (max_pause_ms) options.longest_try = std::min(options.longest_try, limit);
  SafePointWait watch(process, moment);
  bool taken = false, complete = false;
  while (!taken) {
    watch.await();
    const double ms =
        while_stopped(process.pid(), options, [&](StoppedProcess& stopped, StopClock::time_point since) {
          process.check_alive();
          taken = watch.is_safe_now();
          if (!taken) return;  // a moment too late: let go, and look again
          capture.mappings = process.mappings();
          capture.threads = stopped.threads();
          capture.was_stopped = stopped.in_group_stop();
          complete = take(capture, max_pause_ms ? since + limit : StopClock::time_point::max(), true);
        });
    capture.pause_ms = std::max(capture.pause_ms, ms);
  }
  capture.looks = watch.looks();
  capture.no_safe_point = watch.gave_up();
  return {std::move(capture), complete};
}

Capture freeze_copy(CapturePlan& prepared, const SafePoint& moment, std::optional<double> max_pause_ms) {
  const Process& process = prepared.process();
  MemoryCopier& copier = *prepared.copier();
  auto [capture, complete] =
      take_held(process, moment, max_pause_ms, [&](Capture& c, CopyClock::time_point until, bool stopped) {
        c.residency = prepared.residency(c.mappings);
        return copier.copy(c.mappings, until, stopped);
      });
  if (!complete)
    throw Error(ErrorKind::kUnreachable,
                "process " + std::to_string(process.pid()) + " was resumed after " + as_ms(capture.pause_ms) +
                    ": copying took longer than estimated, " + as_mb(copier.bytes_copied()) + " of " +
                    as_mb(copier.bytes_listed()) + " were copied within the " + as_ms(*max_pause_ms) +
                    " of --max-pause",
                "try again at a quieter moment; --freeze=none does not hold it");
  prepared.finish(capture);
  return std::move(capture);
}

}  // namespace heapglass
