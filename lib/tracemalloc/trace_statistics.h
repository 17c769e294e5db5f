// The statistics of the tracemalloc module over its traces, in its order and its words (Lib/tracemalloc.py).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/tracemalloc/tracemalloc.h"

namespace heapglass {

enum class TraceGroup : std::uint8_t { kLine, kFile, kTraceback };

struct TraceStatistic {
  struct Frame {
    std::string file;
    std::uint32_t line = 0;  // 0 of a whole file
    auto operator<=>(const Frame&) const = default;
  };
  std::vector<Frame>
      frames;  // the oldest call first, as Traceback has them; one where a line or file is meant
  std::uint64_t size = 0, count = 0;
};

struct TraceDifference {
  TraceStatistic now;  // size and count 0: gone
  std::int64_t size = 0, count = 0;
};

// Snapshot.statistics(group, cumulative), largest first. Cumulative goes with lines and files.
std::vector<TraceStatistic> trace_statistics(const TraceSnapshot& snapshot, TraceGroup group,
                                             bool cumulative);
// Snapshot.compare_to: what changed most first.
std::vector<TraceDifference> trace_differences(const std::vector<TraceStatistic>& now,
                                               const std::vector<TraceStatistic>& before);

// str(Statistic), str(StatisticDiff): "app.py:12: size=1024 B, count=2, average=512 B".
std::string text_of(const TraceStatistic& statistic);
std::string text_of(const TraceDifference& difference);
// Traceback.format() without the source lines: `  File "app.py", line 12`, the most recent call last.
std::vector<std::string> lines_of(const TraceStatistic& statistic);

// tracemalloc.Filter, of file names as in the fnmatch module.
struct TraceFilter {
  bool inclusive = true;
  std::string pattern;
  std::optional<std::uint32_t> line;
  bool all_frames = false;
};
// Only traces that one of the inclusive filters takes, if there are any, and that no exclusive one does.
void filter_traces(TraceSnapshot& snapshot, const std::vector<TraceFilter>& filters);

}  // namespace heapglass
