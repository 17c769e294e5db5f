#include "lib/open/snapshot_series.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/snapshot/metadata.h"
#include "lib/snapshot/snapshot_target.h"

namespace heapglass {

SnapshotSeries::SnapshotSeries(const CommonOptions& common, std::span<const std::string> paths)
    : common_(common) {
  struct Opened {
    SnapshotHandle handle;
    CaptureFacts facts;
  };
  std::vector<Opened> opened;
  for (SnapshotHandle& handle : open_snapshots(common, paths)) {
    const Metadata said(snapshot_file(handle));
    CaptureFacts facts{.file = handle.path,
                       .target = said.text("target.name"),
                       .command_line = said.text("target.command_line"),
                       .pid = static_cast<std::int32_t>(said.number("target.pid")),
                       .time_ms = said.number("captured_at_ms"),
                       .origin = saved_origin(said)};
    opened.push_back({std::move(handle), std::move(facts)});
  }
  std::stable_sort(opened.begin(), opened.end(),
                   [](const Opened& a, const Opened& b) { return a.facts.time_ms < b.facts.time_ms; });
  for (Opened& each : opened) {
    if (!captures_.empty() && captures_.back().time_ms == each.facts.time_ms)
      throw Error(ErrorKind::kUsage,
                  "'" + captures_.back().file + "' and '" + each.facts.file + "' are of one moment",
                  "name each snapshot once");
    handles_.push_back(std::move(each.handle));
    captures_.push_back(std::move(each.facts));
  }
}

std::unique_ptr<Heap> SnapshotSeries::open(std::size_t i, const HeapNeeds& needs) const {
  CommonOptions common = common_;
  common.target = handles_[i].path;
  common.opened = handles_[i];
  return open_heap(common, needs);
}

}  // namespace heapglass
