// What tracemalloc knows in the target: its own tables (Modules/_tracemalloc.c, Python/tracemalloc.c), read
// as tracemalloc.take_snapshot() would copy them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/python/objects.h"

namespace heapglass {

struct TraceFrame {
  std::uint32_t file = 0;  // of TraceSnapshot.files
  std::uint32_t line = 0;
  bool operator==(const TraceFrame&) const = default;
};

struct TraceTraceback {
  std::uint64_t first = 0;         // of TraceSnapshot.frames, most recent call first
  std::uint32_t count = 0;         // at least 1
  std::uint32_t total_frames = 0;  // that there were, kept or not; 0: this version does not tell (to 3.8)
};

struct Trace {
  Address block{};  // an object lies behind what stands in front of it: its collector head and the like
  std::uint64_t size = 0;
  std::uint32_t traceback = 0;
  std::uint32_t domain = 0;  // 0: Python's own memory
};

struct TraceSnapshot {
  std::vector<std::string> files;  // each once
  std::vector<TraceFrame> frames;
  std::vector<TraceTraceback> tracebacks;
  std::vector<Trace> traces;
  std::uint32_t traceback_limit = 0;  // of a stripped 3.7, which hides it: the longest that there is
  bool total_frames =
      true;  // a trace has them: its tuples are of four, in files for tracemalloc.Snapshot.load

  const TraceFrame& frame(const Trace& t, std::uint32_t i) const {
    return frames[tracebacks[t.traceback].first + i];
  }
};

struct Tracemalloc {
  bool tracing = false;
  bool tables_found = false;  // tracing, and nothing leads to its tables: a stripped build, or no trace yet
  std::string how_found;
  std::optional<std::uint64_t> current, peak;  // bytes: tracemalloc.get_traced_memory()
  TraceSnapshot snapshot;
  std::uint64_t contradictions = 0;  // entries of its tables that cannot be true
};

// `before_file` is called with the name of each file, a str or a C string, before it is read.
Tracemalloc read_tracemalloc(const Objects& objects, const std::function<void(Address)>& before_file = {});

}  // namespace heapglass
