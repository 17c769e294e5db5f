#include "platform/freezing/freeze_none.h"

#include "platform/process/threads.h"
#include "platform/stopping/safe_point_wait.h"

namespace heapglass {

std::string why_not_none(const Process&) { return ""; }
double estimate_none_ms(CapturePlan&) { return 0; }

Capture take_running(const Process& process, const SafePoint& moment, const TakeBytes& take) {
  Capture capture;
  SafePointWait watch(process, moment);
  watch.await();
  watch.is_safe_now();
  capture.no_safe_point = watch.gave_up();
  process.check_alive();
  capture.mappings = process.mappings();
  capture.threads = look_at_threads(process.pid());
  capture.was_stopped = !capture.threads.empty() && capture.threads.front().state == 'T';
  take(capture, CopyClock::time_point::max(), false);
  process.check_alive();
  process.mappings();  // throws where they went meanwhile
  return capture;
}

Capture freeze_none(CapturePlan& prepared, const SafePoint& moment, std::optional<double>) {
  Capture capture =
      take_running(prepared.process(), moment, [&](Capture& c, CopyClock::time_point until, bool) {
        c.residency = prepared.residency(c.mappings);
        return prepared.copier()->copy(c.mappings, until, false);
      });
  prepared.finish(capture);
  return capture;
}

}  // namespace heapglass
