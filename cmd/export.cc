// heapglass export: every object and reference, for other programs.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/base/progress.h"
#include "lib/export/exporter.h"
#include "lib/export/fleet_rows.h"
#include "lib/export/heap_profile.h"
#include "lib/open/heap_push.h"
#include "lib/open/open_heap.h"
#include "lib/render/numbers.h"
#include "lib/render/output.h"
#include "lib/report/service_name.h"
#include "platform/process/cgroups.h"
#include "platform/process/memory_group.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

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
  if (path.ends_with(".pb.gz") || ending == ".pprof") return find_export_format("pprof");
  if (ending == ".heapsnapshot" || ending == ".graphml") return find_export_format(ending.substr(1));
  if (ending == ".csv" || ending == ".parquet")
    throw Error(ErrorKind::kUsage,
                "-o '" + path + "' names " + ending.substr(1) + ", and without --format jsonl is written",
                "give --format " + ending.substr(1) + ", which writes a folder, or another name");
  return export_formats().front();
}

bool is_file(const std::string& path) { return !path.empty() && path != "-"; }

void write_file(const std::string& bytes, const OutputOptions& options) {
  Output output(options.output, options.mode);
  output.stream().write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  output.commit();
}

// To a server, and to a file too where -o names one.
void push_profile(const CommonOptions& common, const PushOptions& options, std::string service,
                  const std::string& host, PushLabels labels) {
  if (!common.format.empty() && common.format != "pprof")
    throw Error(ErrorKind::kUsage, "--push sends a pprof, and --format " + common.format + " is asked for",
                "leave --format out, or export twice");
  const HeapPush push(options);
  HeapNeeds needs;
  needs.agree = [&](const Target& target, CommonOptions&) {
    if (service.empty()) service = service_of(target.command_line());
    labels.emplace("host", host.empty() ? host_of(target) : host);
    if (!target.runs()) return;
    // What was given stays.
    labels.merge(container_labels(read_proc_file("/proc/" + std::to_string(target.pid()) + "/cgroup")));
  };
  const auto heap = open_heap(common, needs);
  const std::string profile = heap_profile(*heap), series = series_name(service, labels);
  if (is_file(common.output)) write_file(profile, common);
  push.send(series, heap->target().snapshot_time().value_or(std::time(nullptr)), profile);
  std::cout << "sent " << human_bytes(profile.size()) << " of " << series << " to " << push.where() << "\n";
}

}  // namespace

int run_export(const std::vector<std::string>& arguments) {
  CommandLine line("export",
                   "every object and reference, for other programs: as jsonl (the default), sqlite, csv, "
                   "parquet, fleet, heapsnapshot, graphml or pprof");
  std::string service, host;
  line.option("service", &service, "NAME",
              "parquet, fleet: the partition `service`; --push: the application (default: the name of the "
              "target's program)");
  line.option("host", &host, "NAME",
              "parquet, fleet: the column `host`; --push: that label (default: where the capture was taken)");
  std::vector<std::string> labels;
  line.option("label", &labels, "NAME=VALUE",
              "fleet: the column NAME, --push: that label; one of version, image, namespace, pod, node, "
              "container");
  PushOptions push;
  line.option("push", &push.url, "URL",
              "send the heap as a pprof to the Pyroscope at http://HOST:PORT, with -o to a file too");
  line.option("push-headers", &push.headers, "FILE",
              "--push: lines 'Name: value' sent with it, as Authorization and X-Scope-OrgID (default: those "
              "of HEAPGLASS_PUSH_HEADERS)");
  line.option("push-timeout", &push.within, "--push: the longest that sending may take (default 30s)");
  line.sends_to(&push.url);
  line.takes_processes();
  if (!line.parse(arguments)) return kExitDone;
  const CommonOptions& common = line.common();
  if (push.url.empty() && (!push.headers.empty() || push.within))
    throw Error(ErrorKind::kUsage, "--push-headers and --push-timeout are for --push",
                "give --push http://HOST:PORT");
  if (!push.url.empty()) {
    push_profile(common, push, service, host, parsed_labels(labels));
    return kExitDone;
  }
  const ExportFormat& format =
      common.format.empty() ? format_of_output(common.output) : find_export_format(common.format);
  if (!format.needs.empty() && (common.output.empty() || common.output == "-"))
    throw Error(ErrorKind::kUsage,
                "--format " + std::string(format.name) + " does not go to the standard output",
                std::string(format.needs));
  if (!labels.empty() && format.name != "fleet")
    throw Error(ErrorKind::kUsage,
                "--label is for --format fleet and --push, not " + std::string(format.name));
  const auto exporter =
      format.make({common, service, host, HEAPGLASS_VERSION, parsed_labels(labels), memory_limit_of});
  CommonOptions agreed = common;
  HeapNeeds needs;
  if (format.wants_account) needs = {.residency = true, .sharing = true, .open_files = true};
  if (exporter->is_named_by_target())
    needs.agree = [&](const Target& target, CommonOptions& options) { exporter->agree(&target, options); };
  else
    exporter->agree(nullptr, agreed);
  const auto heap = open_heap(agreed, needs);
  const InStage writing(Stage::kWriting);
  exporter->write(*heap);
  return kExitDone;
}

}  // namespace heapglass
