#include "platform/freeze_none.h"

#include "platform/moment_watch.h"
#include "platform/threads.h"

namespace heapglass {

std::string why_not_none(const Process&) { return ""; }
double estimate_none_ms(Prepared&) { return 0; }

Capture freeze_none(Prepared& prepared, const GoodMoment& moment, std::optional<double>) {
  const Process& process = prepared.process();
  Capture capture;
  MomentWatch watch(process, moment);
  watch.await();
  watch.good_now();
  capture.no_good_moment = watch.gave_up();
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
