// heapglass export: every object and reference, for other programs.
#include <unistd.h>

#include <climits>
#include <filesystem>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/export/exporter.h"
#include "lib/open/open_heap.h"

namespace heapglass {
namespace {

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// Without --format. An ending that names another format than jsonl is no accident.
const ExportFormat& format_of_output(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension();
  if (ending == ".db" || ending == ".sqlite" || ending == ".sqlite3") return find_export_format("sqlite");
  if (ending == ".heapsnapshot" || ending == ".graphml") return find_export_format(ending.substr(1));
  if (ending == ".csv" || ending == ".parquet")
    throw Error(ErrorKind::kUsage,
                "-o '" + path + "' names " + ending.substr(1) + ", and without --format jsonl is written",
                "give --format " + ending.substr(1) + ", which writes a folder, or another name");
  return export_formats().front();
}

}  // namespace

int run_export(const std::vector<std::string>& arguments) {
  CommandLine line("export",
                   "every object and reference, for other programs: as jsonl (the default), sqlite, csv, "
                   "parquet, heapsnapshot or graphml");
  std::string service, host = host_name();
  line.option("service", &service, "NAME",
              "parquet: the partition `service` (default: the name of the target's program)");
  line.option("host", &host, "NAME", "parquet: the partition `host` (default: this host)");
  if (!line.parse(arguments)) return kExitDone;
  const CommonOptions& common = line.common();
  const ExportFormat& format =
      common.format.empty() ? format_of_output(common.output) : find_export_format(common.format);
  if (!format.needs.empty() && (common.output.empty() || common.output == "-"))
    throw Error(ErrorKind::kUsage,
                "--format " + std::string(format.name) + " does not go to the standard output",
                std::string(format.needs));
  const auto exporter = format.make({common, service, host});
  CommonOptions agreed = common;
  HeapNeeds needs;
  if (exporter->is_named_by_target())
    needs.agree = [&](const Target& target, CommonOptions& options) { exporter->agree(&target, options); };
  else
    exporter->agree(nullptr, agreed);
  exporter->write(*open_heap(agreed, needs));
  return kExitDone;
}

}  // namespace heapglass
