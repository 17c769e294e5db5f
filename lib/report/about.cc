#include "lib/report/about.h"

#include "lib/base/host_name.h"
#include "lib/base/wall_clock.h"

namespace heapglass {
namespace {

Cell known(const std::string& text) { return text.empty() ? Cell() : Cell(text); }

}  // namespace

Record about(const CaptureOrigin& origin) {
  Cell pid, started, time;
  if (origin.pid) pid = std::int64_t{*origin.pid};
  if (origin.started) started = *origin.started;
  if (origin.time_ms) time = static_cast<double>(*origin.time_ms) / 1000;
  return {{{"heapglass", "heapglass"}, HEAPGLASS_VERSION},
          {{"host", "host"}, known(origin.host)},
          {{"pid", "process", Kind::kPlainNumber}, std::move(pid)},
          {{"started", "started", Kind::kPlainNumber}, std::move(started)},
          {{"container", "container"}, known(origin.container)},
          {{"time", "time", Kind::kPlainNumber}, std::move(time)}};
}

CaptureOrigin of_this_host() { return {.host = host_name(), .time_ms = milliseconds_since_1970()}; }

}  // namespace heapglass
