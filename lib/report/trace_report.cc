#include "lib/report/trace_report.h"

#include "lib/base/error.h"

namespace heapglass {
namespace {

List frames_of(const TraceStatistic& s) {
  List frames;
  for (const TraceStatistic::Frame& f : s.frames)
    frames.push_back(Record{{{"file", "", Kind::kText}, f.file},
                            {{"line", "", Kind::kPlainNumber}, std::uint64_t{f.line}}});
  return frames;
}

}  // namespace

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

void TraceRows::add(const TraceStatistic& s, const std::string& text, Cell size_diff, Cell count_diff) {
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

Document trace_figures(const Tracemalloc& traced) {
  Document document;
  const auto field = [&](const char* key, const char* title, Kind kind, Cell value) {
    document.fields.push_back({{key, title, kind}, std::move(value)});
  };
  const auto bytes = [](const std::optional<std::uint64_t>& n) { return n ? Cell(*n) : Cell(); };
  field("tracing", "tracing", Kind::kText, traced.tracing);
  if (!traced.tracing) {
    document.notes.push_back(kHowToTrace);
    return document;
  }
  field("current", "traced now", Kind::kBytes, bytes(traced.current));
  field("peak", "at its peak", Kind::kBytes, bytes(traced.peak));
  field("traces", "traces", Kind::kCount, std::uint64_t{traced.snapshot.traces.size()});
  field("traceback_limit", "calls kept of each", Kind::kPlainNumber,
        std::uint64_t{traced.snapshot.traceback_limit});
  if (traced.contradictions)
    document.notes.push_back(std::to_string(traced.contradictions) +
                             " entries of its tables contradict themselves and are left out");
  return document;
}

}  // namespace heapglass
