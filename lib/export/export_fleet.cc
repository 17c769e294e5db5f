// A capture as one small file in a folder of many.
#include <algorithm>
#include <ctime>
#include <optional>

#include "lib/base/error.h"
#include "lib/export/exporter.h"
#include "lib/export/fleet_rows.h"
#include "lib/export/partition.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"
#include "lib/render/parquet.h"
#include "lib/report/service_name.h"

namespace heapglass {
namespace {

std::string utc(std::int64_t seconds, const char* format) {
  const std::time_t time = seconds;
  std::tm parts{};
  char text[32] = {};
  if (gmtime_r(&time, &parts)) std::strftime(text, sizeof text, format, &parts);
  return text;
}

// FOLDER/service=.../date=2026-11-21/20261121T134507Z-HOST-PID.parquet, which is there whole or not at all.
// The folders stay when the rest fails: others may be at work in them.
class FleetExporter final : public Exporter {
 public:
  explicit FleetExporter(const ExportRequest& request)
      : options_(request.output),
        place_{request.service, request.host, request.tool, request.labels, std::nullopt},
        memory_limit_of_(request.memory_limit_of) {}
  bool is_named_by_target() const override { return true; }
  void agree(const Target* target, OutputOptions& options) override {
    if (!path_.empty()) return;  // a process that became another program is opened again
    if (place_.service.empty()) place_.service = service_of(target->command_line());
    if (place_.host.empty()) place_.host = host_of(*target);
    if (target->runs() && memory_limit_of_) place_.memory_limit = memory_limit_of_(target->pid());
    const std::int64_t time = target->snapshot_time().value_or(std::time(nullptr));
    const std::filesystem::path root = without_last_slash(options_.output);
    const std::vector<std::string> below = {"service=" + path_value(place_.service),
                                            "date=" + utc(time, "%Y-%m-%d")};
    const std::string name = utc(time, "%Y%m%dT%H%M%SZ") + "-" + path_value(place_.host) + "-" +
                             std::to_string(target->pid()) + ".parquet";
    path_ = root;
    for (const std::string& part : below) path_ /= part;
    path_ /= name;
    check_partition(root, below, name);
    options.output.clear();  // it is no file
    options.extra_outputs.emplace_back(path_.string(), options.mode);
    deed_ = options.deeds.size();
    options.deeds.push_back([root, below, mode = options.mode] { make_partition(root, below, mode); });
  }
  void write(const Heap& heap) override {
    FleetRows rows(heap, place_);
    OutputKeeper::active()->perform(deed_);
    Output output(path_.string(), options_.mode);
    write_parquet(rows, output.stream());
    output.commit();
  }

 private:
  const OutputOptions& options_;
  FleetPlace place_;
  const std::function<std::optional<std::uint64_t>(std::int32_t pid)> memory_limit_of_;
  std::filesystem::path path_;
  std::size_t deed_ = 0;
};

}  // namespace

std::unique_ptr<Exporter> fleet_exporter(const ExportRequest& request) {
  return std::make_unique<FleetExporter>(request);
}

}  // namespace heapglass
