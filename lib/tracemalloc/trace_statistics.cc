#include "lib/tracemalloc/trace_statistics.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace heapglass {
namespace {

// _format_size of the module: three digits at least, four or five at most, powers of 1024.
std::string format_size(double size, bool sign) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  char text[64];
  for (int i = 0;; ++i, size /= 1024) {
    const double magnitude = size < 0 ? -size : size;
    if (magnitude < 100 && i > 0) {
      std::snprintf(text, sizeof text, sign ? "%+.1f %s" : "%.1f %s", size, units[i]);
      return text;
    }
    if (magnitude < 10 * 1024 || i == 4) {
      std::snprintf(text, sizeof text, sign ? "%+.0f %s" : "%.0f %s", size, units[i]);
      return text;
    }
  }
}

std::string average_of(std::uint64_t size, std::uint64_t count) {
  if (count == 0) return {};
  return ", average=" + format_size(static_cast<double>(size) / static_cast<double>(count), false);
}

std::string place_of(const TraceStatistic& s) {
  return s.frames.empty() ? std::string() : s.frames[0].file + ":" + std::to_string(s.frames[0].line);
}

// What traces are counted under: a traceback's number in the snapshot, or a file and line.
using Key = std::pair<std::uint32_t, std::uint32_t>;

// tracemalloc.py strips one letter of *.pyc, in the pattern and in the name.
std::string source_name(const std::string& file) {
  return file.ends_with(".pyc") ? file.substr(0, file.size() - 1) : file;
}

bool matches(const TraceSnapshot& s, const Trace& t, const TraceFilter& f) {
  const std::string pattern = source_name(f.pattern);
  const std::uint32_t frames = f.all_frames ? s.tracebacks[t.traceback].count : 1;
  for (std::uint32_t i = 0; i < frames; ++i) {
    const TraceFrame& frame = s.frame(t, i);
    if (f.line && *f.line != frame.line) continue;
    if (fnmatch(pattern.c_str(), source_name(s.files[frame.file]).c_str(), FNM_NOESCAPE) == 0) return true;
  }
  return false;
}

}  // namespace

std::vector<TraceStatistic> trace_statistics(const TraceSnapshot& s, TraceGroup group, bool cumulative) {
  std::map<Key, TraceStatistic> counted;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> by_traceback(s.tracebacks.size());
  for (const Trace& t : s.traces) {
    by_traceback[t.traceback].first += t.size;
    ++by_traceback[t.traceback].second;
  }
  std::map<std::vector<TraceStatistic::Frame>, TraceStatistic> by_frames;
  for (std::uint32_t i = 0; i < s.tracebacks.size(); ++i) {
    const auto [size, count] = by_traceback[i];
    if (count == 0) continue;
    const TraceTraceback& traceback = s.tracebacks[i];
    if (group == TraceGroup::kTraceback) {
      std::vector<TraceStatistic::Frame> frames;
      for (std::uint32_t f = traceback.count; f-- > 0;)
        frames.push_back({s.files[s.frames[traceback.first + f].file], s.frames[traceback.first + f].line});
      TraceStatistic& statistic = by_frames[frames];
      statistic.size += size;
      statistic.count += count;
      continue;
    }
    for (std::uint32_t f = 0; f < (cumulative ? traceback.count : 1); ++f) {
      const TraceFrame& frame = s.frames[traceback.first + f];
      TraceStatistic& statistic = counted[{frame.file, group == TraceGroup::kFile ? 0 : frame.line}];
      statistic.size += size;
      statistic.count += count;
    }
  }
  std::vector<TraceStatistic> out;
  for (auto& [key, statistic] : counted) {
    statistic.frames = {{s.files[key.first], key.second}};
    out.push_back(std::move(statistic));
  }
  for (auto& [frames, statistic] : by_frames) {
    statistic.frames = frames;
    out.push_back(std::move(statistic));
  }
  std::sort(out.begin(), out.end(), [](const TraceStatistic& a, const TraceStatistic& b) {
    if (a.size != b.size) return a.size > b.size;
    return a.count != b.count ? a.count > b.count : a.frames > b.frames;
  });
  return out;
}

std::vector<TraceDifference> trace_differences(const std::vector<TraceStatistic>& now,
                                               const std::vector<TraceStatistic>& before) {
  std::map<std::vector<TraceStatistic::Frame>, TraceDifference> all;
  for (const TraceStatistic& s : now)
    all[s.frames] = {s, static_cast<std::int64_t>(s.size), static_cast<std::int64_t>(s.count)};
  for (const TraceStatistic& s : before) {
    TraceDifference& d = all[s.frames];
    d.now.frames = s.frames;
    d.size -= static_cast<std::int64_t>(s.size);
    d.count -= static_cast<std::int64_t>(s.count);
  }
  std::vector<TraceDifference> out;
  out.reserve(all.size());
  for (auto& [frames, difference] : all) out.push_back(std::move(difference));
  const auto magnitude = [](std::int64_t n) { return n < 0 ? -n : n; };
  std::sort(out.begin(), out.end(), [&](const TraceDifference& a, const TraceDifference& b) {
    if (magnitude(a.size) != magnitude(b.size)) return magnitude(a.size) > magnitude(b.size);
    if (a.now.size != b.now.size) return a.now.size > b.now.size;
    if (magnitude(a.count) != magnitude(b.count)) return magnitude(a.count) > magnitude(b.count);
    return a.now.count != b.now.count ? a.now.count > b.now.count : a.now.frames > b.now.frames;
  });
  return out;
}

std::string text_of(const TraceStatistic& s) {
  return place_of(s) + ": size=" + format_size(static_cast<double>(s.size), false) +
         ", count=" + std::to_string(s.count) + average_of(s.size, s.count);
}

std::string text_of(const TraceDifference& d) {
  char count[32];
  std::snprintf(count, sizeof count, "%+lld", static_cast<long long>(d.count));
  return place_of(d.now) + ": size=" + format_size(static_cast<double>(d.now.size), false) + " (" +
         format_size(static_cast<double>(d.size), true) + "), count=" + std::to_string(d.now.count) + " (" +
         count + ")" + average_of(d.now.size, d.now.count);
}

std::vector<std::string> lines_of(const TraceStatistic& s) {
  std::vector<std::string> lines;
  lines.reserve(s.frames.size());
  for (const TraceStatistic::Frame& f : s.frames)
    lines.push_back("  File \"" + f.file + "\", line " + std::to_string(f.line));
  return lines;
}

void filter_traces(TraceSnapshot& snapshot, const std::vector<TraceFilter>& filters) {
  if (filters.empty()) return;
  const bool some_inclusive =
      std::any_of(filters.begin(), filters.end(), [](const TraceFilter& f) { return f.inclusive; });
  std::erase_if(snapshot.traces, [&](const Trace& t) {
    bool taken = !some_inclusive;
    for (const TraceFilter& f : filters) {
      if (f.inclusive && taken) continue;
      const bool match = matches(snapshot, t, f);
      if (!f.inclusive && match) return true;
      taken |= f.inclusive && match;
    }
    return !taken;
  });
}

}  // namespace heapglass
