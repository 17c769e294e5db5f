// heapglass export: every object and reference, for other programs.
#include <unistd.h>

#include <climits>
#include <ctime>
#include <optional>

#include "cmd/command.h"
#include "lib/base/choices.h"
#include "lib/base/error.h"
#include "lib/export/export_formats.h"
#include "lib/open/open_heap.h"
#include "lib/open/output_rights.h"
#include "lib/render/output.h"
#include "lib/report/metrics.h"

namespace heapglass {
namespace {

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// Of the moment that is shown, UTC: 20261121T134507Z.
std::string time_of(const Target& target) {
  const std::time_t moment = target.shown_moment().value_or(std::time(nullptr));
  std::tm parts{};
  char text[32] = {};
  if (gmtime_r(&moment, &parts)) std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

}  // namespace

int run_export(const std::vector<std::string>& arguments) {
  CommandLine line(
      "export",
      "every object and reference, for other programs: as jsonl (the default), sqlite, csv or parquet");
  HeapPlace place{"", host_name(), ""};
  line.option("service", &place.service, "NAME",
              "parquet: the partition `service` (default: the name of the target's program)");
  line.option("host", &place.host, "NAME", "parquet: the partition `host` (default: this host)");
  if (!line.parse(arguments)) return kExitDone;
  const CommonOptions& common = line.common();
  const std::string format = common.format.empty() ? "jsonl" : common.format;
  parse_choice("--format", format, {"jsonl", "sqlite", "csv", "parquet"});
  if (format == "jsonl") {
    keep_right_to_write(common);
    Output output(common.output, common.mode);
    const auto heap = open_heap(common, {});
    export_jsonl(*heap, output.stream());
    output.commit();
    return kExitDone;
  }
  if (common.output.empty() || common.output == "-")
    throw Error(ErrorKind::kUsage, "--format " + format + " does not go to the standard output",
                format == "sqlite" ? "give a file with -o: heap.db"
                                   : "give a folder with -o: its tables are files there");
  const WriteParquet write = format == "parquet" ? load_parquet() : nullptr;
  if (format == "sqlite") {
    export_sqlite(*open_heap(common, {}), common.output, common.mode);
    return kExitDone;
  }
  std::optional<TableFolder> folder;
  CommonOptions looking = common;
  HeapNeeds options;
  if (format == "csv") {
    folder = TableFolder::of_csv(common.output, common.mode);
    folder->agree(looking);
  } else {
    options.agree = [&](const Target& target, CommonOptions& agreed) {
      if (folder) return;  // once
      if (place.service.empty()) place.service = service_of(target.command_line());
      place.time = time_of(target);
      folder = TableFolder::of_parquet(common.output, place, common.mode);
      folder->agree(agreed);
    };
  }
  const auto heap = open_heap(looking, options);
  if (format == "csv") export_csv(*heap, *folder, common.csv_raw ? CsvText::kRaw : CsvText::kSafe);
  if (format == "parquet") export_parquet(*heap, *folder, write);
  return kExitDone;
}

}  // namespace heapglass
