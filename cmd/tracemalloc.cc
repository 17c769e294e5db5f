// heapglass tracemalloc: what the target's own tracemalloc knows.

#include "lib/tracemalloc/tracemalloc.h"

#include <fcntl.h>

#include <charconv>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/open/open_heap.h"
#include "lib/render/output.h"
#include "lib/report/trace_report.h"
#include "lib/report/write_answer.h"
#include "lib/tracemalloc/trace_file.h"
#include "lib/tracemalloc/trace_statistics.h"
#include "platform/files/regular_file.h"

namespace heapglass {
namespace {

struct TraceOptions {
  TraceGroup group = TraceGroup::kLine;
  std::size_t most = 20;
  std::string compare, dump;
  std::vector<std::string> include, exclude;
  bool cumulative = false, all_frames = false;
};

// "*/app.py:12" -> the pattern and the line, where there is one.
TraceFilter parse_filter(const std::string& text, bool inclusive, bool all_frames) {
  TraceFilter filter{.inclusive = inclusive, .pattern = text, .all_frames = all_frames};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return filter;
  std::uint32_t line = 0;
  const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), line);
  if (error != std::errc() || end != text.data() + text.size()) return filter;
  filter.pattern.resize(colon);
  filter.line = line;
  return filter;
}

std::vector<TraceFilter> parse_filters(const TraceOptions& o) {
  std::vector<TraceFilter> filters;
  filters.reserve(o.include.size() + o.exclude.size());
  for (const std::string& each : o.include) filters.push_back(parse_filter(each, true, o.all_frames));
  for (const std::string& each : o.exclude) filters.push_back(parse_filter(each, false, o.all_frames));
  return filters;
}

// What it is compared with: a file of tracemalloc, or another target.
TraceSnapshot read_other(const std::string& name, CommonOptions common) {
  if (is_trace_file(first_bytes(name, 3))) {
    constexpr std::uint64_t kLongest = std::uint64_t{1} << 30;
    const RegularFile file(name);
    if (file.size() > kLongest)
      throw Error(ErrorKind::kFile, "'" + name + "' is larger than any file of traces: " +
                                        std::to_string(file.size()) + " bytes");
    return read_trace_file(file.text(file.size()), name);
  }
  common.target = name;
  common.more_captures = false;
  const auto heap = open_heap(common, {.graph = false});
  Tracemalloc other = read_checked(*heap);
  if (!other.tracing) throw Error(ErrorKind::kUsage, "--compare " + name + " has no traces: " + kHowToTrace);
  return std::move(other.snapshot);
}

Table rows_of(TraceSnapshot& snapshot, const TraceOptions& o, const CommonOptions& common) {
  const TraceGroup group = o.group;
  const bool people = common.format.empty() || common.format == "text";
  TraceRows rows(group, people, o.most);
  const std::vector<TraceFilter> filters = parse_filters(o);
  filter_traces(snapshot, filters);
  const auto now = trace_statistics(snapshot, group, o.cumulative);
  if (o.compare.empty()) {
    for (const TraceStatistic& s : now) rows.add(s, text_of(s));
  } else {
    TraceSnapshot other = read_other(o.compare, common);
    filter_traces(other, filters);
    for (const TraceDifference& d : trace_differences(now, trace_statistics(other, group, o.cumulative)))
      rows.add(d.now, text_of(d), d.size, d.count);
  }
  return rows.take();
}

void dump(const TraceSnapshot& snapshot, const std::string& path, FileMode mode) {
  Output output(path, mode);
  write_trace_file(snapshot, output.stream());
  output.commit();
}

}  // namespace

int run_tracemalloc(const std::vector<std::string>& arguments) {
  CommandLine line("tracemalloc",
                   "what the target's own tracemalloc has recorded: which lines allocated what");
  TraceOptions o;
  line.choice<TraceGroup>(
      "group", &o.group,
      {{"lineno", TraceGroup::kLine}, {"filename", TraceGroup::kFile}, {"traceback", TraceGroup::kTraceback}},
      "BY", "group by lineno (default), filename or traceback");
  line.flag("cumulative", &o.cumulative,
            "count a trace for every line or file of its traceback, not only for the most recent call");
  line.option(
      "compare", &o.compare, "OTHER",
      "print what changed since OTHER: a file of --dump or tracemalloc.Snapshot.dump(), or another target");
  line.option("include", &o.include, "PATTERN[:LINE]",
              "only traces allocated in files of such names, as in tracemalloc.Filter; can be repeated");
  line.option("exclude", &o.exclude, "PATTERN[:LINE]",
              "no traces allocated in files of such names; can be repeated");
  line.flag("all-frames", &o.all_frames,
            "--include and --exclude match every call of a traceback, not only the most recent");
  line.count("limit,n", &o.most, 0, kMostRows, "print N rows (default 20), 0: all");
  line.written_file("dump", &o.dump,
                    "also write all traces to FILE, for tracemalloc.Snapshot.load and --compare");
  if (!line.parse(arguments)) return kExitDone;
  if (o.group == TraceGroup::kTraceback && o.cumulative)
    throw Error(ErrorKind::kUsage, "--cumulative requires --group lineno or filename");
  line.common().more_captures = !o.compare.empty();
  if (!o.dump.empty()) line.common().extra_outputs.emplace_back(o.dump, line.common().mode);
  const std::string both[] = {line.common().target, o.compare};
  if (!o.compare.empty() && !is_trace_file(first_bytes(o.compare, 3))) check_targets(line.common(), both);
  const auto heap = open_heap(line.common(), {.graph = false});
  Tracemalloc traced = read_checked(*heap);

  if (!traced.tracing && (!o.dump.empty() || !o.compare.empty()))
    throw Error(ErrorKind::kUsage, "there are no traces: " + std::string(kHowToTrace));
  Document document = trace_figures(traced);
  if (traced.tracing) {
    if (!o.dump.empty()) dump(traced.snapshot, o.dump, line.common().mode);
    document.sections.push_back(rows_of(traced.snapshot, o, line.common()));
  }
  write_answer(*heap, std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
