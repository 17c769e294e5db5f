// heapglass export: every object and reference, for other programs.
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/export/exporter.h"
#include "lib/export/fleet_rows.h"
#include "lib/open/open_heap.h"
#include "platform/process/cgroups.h"
#include "platform/process/memory_group.h"

namespace heapglass {
namespace {

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::map<std::string, std::string, std::less<>> parsed_labels(const std::vector<std::string>& labels) {
  std::map<std::string, std::string, std::less<>> parsed;
  for (const std::string& label : labels) {
    const std::size_t equals = label.find('=');
    const std::string name = label.substr(0, equals);
    if (equals == std::string::npos || std::ranges::find(kFleetLabels, name) == std::end(kFleetLabels)) {
      std::string all;
      for (const std::string_view each : kFleetLabels) all += (all.empty() ? "" : ", ") + std::string(each);
      throw Error(ErrorKind::kUsage, "invalid --label '" + label + "'",
                  "use NAME=VALUE with a NAME of " + all);
    }
    if (!parsed.emplace(name, label.substr(equals + 1)).second)
      throw Error(ErrorKind::kUsage, "--label " + name + " is given twice");
  }
  return parsed;
}

std::optional<std::uint64_t> memory_limit_of(std::int32_t pid) {
  for (const std::string& directory : cgroup_directories(pid, "memory"))
    if (const auto group = MemoryGroup::open_limited(directory)) return group->limit();
  return std::nullopt;
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
                   "parquet, fleet, heapsnapshot or graphml");
  std::string service, host = host_name();
  line.option("service", &service, "NAME",
              "parquet, fleet: the partition `service` (default: the name of the target's program)");
  line.option("host", &host, "NAME", "parquet, fleet: the column `host` (default: this host)");
  std::vector<std::string> labels;
  line.option("label", &labels, "NAME=VALUE",
              "fleet: the column NAME, one of version, image, namespace, pod, node, container");
  line.takes_processes();
  if (!line.parse(arguments)) return kExitDone;
  const CommonOptions& common = line.common();
  const ExportFormat& format =
      common.format.empty() ? format_of_output(common.output) : find_export_format(common.format);
  if (!format.needs.empty() && (common.output.empty() || common.output == "-"))
    throw Error(ErrorKind::kUsage,
                "--format " + std::string(format.name) + " does not go to the standard output",
                std::string(format.needs));
  if (!labels.empty() && format.name != "fleet")
    throw Error(ErrorKind::kUsage, "--label is for --format fleet, not " + std::string(format.name));
  const auto exporter =
      format.make({common, service, host, HEAPGLASS_VERSION, parsed_labels(labels), memory_limit_of});
  CommonOptions agreed = common;
  HeapNeeds needs;
  if (format.wants_account) needs = {.residency = true, .sharing = true, .open_files = true};
  if (exporter->is_named_by_target())
    needs.agree = [&](const Target& target, CommonOptions& options) { exporter->agree(&target, options); };
  else
    exporter->agree(nullptr, agreed);
  exporter->write(*open_heap(agreed, needs));
  return kExitDone;
}

}  // namespace heapglass
