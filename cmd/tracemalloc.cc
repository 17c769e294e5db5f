// heapglass tracemalloc: what the target's own tracemalloc knows.

#include "lib/tracemalloc/tracemalloc.h"

#include <fcntl.h>

#include <charconv>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/open/open_heap.h"
#include "lib/render/output.h"
#include "lib/report/write_answer.h"
#include "lib/tracemalloc/trace_file.h"
#include "lib/tracemalloc/trace_statistics.h"
#include "platform/regular_file.h"

namespace heapglass {
namespace {

constexpr const char* kHowToTrace =
    "tracemalloc is not tracing there: python -X tracemalloc=10, PYTHONTRACEMALLOC=10 or "
    "tracemalloc.start(10) has "
    "it begin";

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

// Throws where the process traces and its tables are not to be found.
Tracemalloc read_checked(const Heap& heap) {
  Tracemalloc traced = read_tracemalloc(heap.objects());
  if (traced.tracing && !traced.tables_found)
    throw Error(
        ErrorKind::kNotPython,
        heap.target().name() +
            " is tracing, but tracemalloc's tables were not found among the variables of " +
            heap.python().binary->path(),
        "has it a trace at all yet? debug information of the interpreter (python3-dbg) names the tables");
  return traced;
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
  common.more_follow = false;
  const auto heap = open_heap(common, {.graph = false});
  Tracemalloc other = read_checked(*heap);
  if (!other.tracing) throw Error(ErrorKind::kUsage, "--compare " + name + " has no traces: " + kHowToTrace);
  return std::move(other.snapshot);
}

List frames_of(const TraceStatistic& s) {
  List frames;
  for (const TraceStatistic::Frame& f : s.frames)
    frames.push_back(Record{{{"file", "", Kind::kText}, f.file},
                            {{"line", "", Kind::kPlainNumber}, std::uint64_t{f.line}}});
  return frames;
}

// One table for people, of the module's own words, and one for programs.
class Rows {
 public:
  Rows(TraceGroup group, bool people, std::size_t most) : group_(group), people_(people), most_(most) {
    table_.key = "rows";
    if (people_) {
      table_.columns = {{"text", "[ Top " + std::to_string(most) + " ]", Kind::kSentence}};
    } else {
      table_.columns = {{"file", "", Kind::kText},       {"line", "", Kind::kPlainNumber},
                        {"size", "", Kind::kBytes},      {"count", "", Kind::kCount},
                        {"size_diff", "", Kind::kBytes}, {"count_diff", "", Kind::kCount},
                        {"text", "", Kind::kText},       {"traceback", "", Kind::kText}};
    }
  }
  void add(const TraceStatistic& s, const std::string& text, Cell size_diff = {}, Cell count_diff = {}) {
    if (most_ && shown_ == most_) {
      ++left_out_;
      return;
    }
    ++shown_;
    const TraceStatistic::Frame& last = s.frames.back();  // of a traceback: where it was allocated
    if (!people_) {
      table_.rows.push_back({last.file, group_ == TraceGroup::kFile ? Cell() : Cell(std::uint64_t{last.line}),
                             s.size, s.count, std::move(size_diff), std::move(count_diff), text,
                             group_ == TraceGroup::kTraceback ? Cell(frames_of(s)) : Cell()});
      return;
    }
    table_.rows.push_back({text});
    if (group_ != TraceGroup::kTraceback) return;
    for (const std::string& line : lines_of(s)) table_.rows.push_back({line});
  }
  Table take() {
    if (left_out_) table_.notes.push_back(std::to_string(left_out_) + " more: --limit 0 shows all");
    return std::move(table_);
  }

 private:
  const TraceGroup group_;
  const bool people_;
  const std::size_t most_;
  std::size_t shown_ = 0, left_out_ = 0;
  Table table_;
};

Table rows_of(TraceSnapshot& snapshot, const TraceOptions& o, const CommonOptions& common) {
  const TraceGroup group = o.group;
  const bool people = common.format.empty() || common.format == "text";
  Rows rows(group, people, o.most);
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
  line.option("dump", &o.dump, "FILE",
              "also write all traces to FILE, for tracemalloc.Snapshot.load and --compare");
  if (!line.parse(arguments)) return kExitDone;
  if (o.group == TraceGroup::kTraceback && o.cumulative)
    throw Error(ErrorKind::kUsage, "--cumulative requires --group lineno or filename");
  line.common().more_follow = !o.compare.empty();
  if (!o.dump.empty()) line.common().extra_outputs.emplace_back(o.dump, line.common().mode);
  const auto heap = open_heap(line.common(), {.graph = false});
  Tracemalloc traced = read_checked(*heap);

  Document document;
  const auto field = [&](const char* key, const char* title, Kind kind, Cell value) {
    document.fields.push_back({{key, title, kind}, std::move(value)});
  };
  const auto bytes = [](const std::optional<std::uint64_t>& n) { return n ? Cell(*n) : Cell(); };
  field("tracing", "tracing", Kind::kText, traced.tracing);
  if (!traced.tracing) {
    if (!o.dump.empty() || !o.compare.empty())
      throw Error(ErrorKind::kUsage, "there are no traces: " + std::string(kHowToTrace));
    document.notes.push_back(kHowToTrace);
  } else {
    field("current", "traced now", Kind::kBytes, bytes(traced.current));
    field("peak", "at its peak", Kind::kBytes, bytes(traced.peak));
    field("traces", "traces", Kind::kCount, std::uint64_t{traced.snapshot.traces.size()});
    field("traceback_limit", "calls kept of each", Kind::kPlainNumber,
          std::uint64_t{traced.snapshot.traceback_limit});
    if (!o.dump.empty()) dump(traced.snapshot, o.dump, line.common().mode);
    if (traced.contradictions)
      document.notes.push_back(std::to_string(traced.contradictions) +
                               " entries of its tables contradict themselves and are left out");
    document.sections.push_back(rows_of(traced.snapshot, o, line.common()));
  }
  write_answer(*heap, std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
