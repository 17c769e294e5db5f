#include "platform/freeze_none.h"

#include "platform/safe_point_wait.h"
#include "platform/threads.h"

namespace heapglass {

std::string why_not_none(const Process&) { return ""; }
double estimate_none_ms(CapturePlan&) { return 0; }

Capture freeze_none(CapturePlan& prepared, const SafePoint& moment, std::optional<double>) {
  const Process& process = prepared.process();
  Capture capture;
  SafePointWait watch(process, moment);
  watch.await();
  watch.is_safe_now();
  capture.no_safe_point = watch.gave_up();
  process.check_alive();
  capture.mappings = process.mappings();
  capture.residency = prepared.residency(capture.mappings);
  capture.threads = look_at_threads(process.pid());
  capture.was_stopped = !capture.threads.empty() && capture.threads.front().state == 'T';
  prepared.copier()->copy(capture.mappings, CopyClock::time_point::max(), false);
  process.check_alive();
  process.mappings();  // throws where they went meanwhile
  prepared.finish(capture);
  return capture;
}

}  // namespace heapglass
