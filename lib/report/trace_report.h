// What tracemalloc answers, as tables.
#pragma once

#include <string>

#include "lib/heap/heap.h"
#include "lib/render/report.h"
#include "lib/tracemalloc/trace_statistics.h"
#include "lib/tracemalloc/tracemalloc.h"

namespace heapglass {

constexpr const char* kHowToTrace =
    "tracemalloc is not tracing there: python -X tracemalloc=10, PYTHONTRACEMALLOC=10 or "
    "tracemalloc.start(10) has "
    "it begin";

// Throws where the process traces and its tables are not to be found.
Tracemalloc read_checked(const Heap& heap);

// Whether it traces, and how much; where it does not, how to begin as a note.
Document trace_figures(const Tracemalloc& traced);

// One table for people, of the module's own words, and one for programs.
class TraceRows {
 public:
  TraceRows(TraceGroup group, bool people, std::size_t most) : group_(group), people_(people), most_(most) {
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
  void add(const TraceStatistic& s, const std::string& text, Cell size_diff = {}, Cell count_diff = {});
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

}  // namespace heapglass
