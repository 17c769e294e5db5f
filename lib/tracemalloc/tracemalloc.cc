#include "lib/tracemalloc/tracemalloc.h"

#include <unordered_map>

#include "lib/python/static_words.h"
#include "lib/tracemalloc/tracemalloc_tables.h"

namespace heapglass {
namespace {

class TraceTableReader {
 public:
  TraceTableReader(const Objects& o, std::uint32_t max_nframe,
                   const std::function<void(Address)>& before_file, Tracemalloc& out)
      : o_(o),
        l_(o.layout()),
        max_nframe_(max_nframe),
        most_(o.image().heap_positions() / 12),
        before_file_(before_file),
        out_(out) {}

  void read_traces(Address table, std::uint32_t domain) {
    const bool in_entry = l_.hashtable_entry.value == kAbsent;  // to 3.8
    const bool closed = each_entry(o_, table, [&](const TableEntry& e) {
      const Address trace = in_entry ? e.value_at : o_.pointer(e.value_at, 0);
      const auto size = o_.load<std::uint64_t>(trace, l_.trace_t.traced_size);
      const auto traceback = traceback_of(o_.pointer(trace, l_.trace_t.traceback));
      if (out_.snapshot.traces.size() >= most_) return false;
      if (!size || *size >> 46 || !traceback) {
        ++out_.contradictions;
        return true;
      }
      // To 3.8 a table with domains has them in the key, behind the block.
      const std::uint32_t of = e.key_size > 8 ? o_.load<std::uint32_t>(e.key_at, 8).value_or(0) : domain;
      out_.snapshot.traces.push_back({o_.pointer(e.key_at, 0), *size, *traceback, of});
      return true;
    });
    out_.contradictions += !closed;
  }

  void read_domains(Address table) {
    const bool closed = each_entry(o_, table, [&](const TableEntry& e) {
      read_traces(o_.pointer(e.value_at, 0), o_.load<std::uint32_t>(e.key_at, 0).value_or(0));
      return true;
    });
    out_.contradictions += !closed;
  }

 private:
  std::optional<std::uint32_t> traceback_of(Address at_) {
    const auto [known, is_new] = tracebacks_.try_emplace(value(at_), kBad);
    if (!is_new) return known->second == kBad ? std::nullopt : std::optional(known->second);
    const auto& l = l_.traceback_t;
    const bool wide = l.total_nframe == kAbsent;  // nframe is an int to 3.8, and a short beside a total then
    const auto nframe = wide ? o_.load<std::uint32_t>(at_, l.nframe) : [&]() -> std::optional<std::uint32_t> {
      return o_.load<std::uint16_t>(at_, l.nframe);
    }();
    if (!nframe || *nframe == 0 || *nframe > max_nframe_) return std::nullopt;
    if (out_.snapshot.frames.size() + *nframe > most_) return std::nullopt;
    TraceTraceback out{.first = out_.snapshot.frames.size(), .count = *nframe};
    if (!wide) out.total_frames = o_.load<std::uint16_t>(at_, l.total_nframe).value_or(0);
    const Address frames = at(at_, l.frames);
    for (std::uint32_t i = 0; i < *nframe; ++i) {
      const Address frame = frames + i * static_cast<std::uint64_t>(l_.frame_t.size);
      const auto line = o_.load<std::uint32_t>(frame, l_.frame_t.lineno);
      const auto file = file_of(o_.pointer(frame, l_.frame_t.filename));
      if (!line || !file) {
        out_.snapshot.frames.resize(out.first);
        return std::nullopt;
      }
      out_.snapshot.frames.push_back({*file, *line});
    }
    known->second = static_cast<std::uint32_t>(out_.snapshot.tracebacks.size());
    out_.snapshot.tracebacks.push_back(out);
    return known->second;
  }

  std::optional<std::uint32_t> file_of(Address name) {
    const auto [known, is_new] = files_.try_emplace(value(name), kBad);
    if (is_new) {
      constexpr std::size_t kLongest = 1 << 16;
      if (before_file_) before_file_(name);
      const auto text =
          o_.python().rules.tracemalloc_names_are_c ? o_.c_string(name, kLongest) : o_.str(name, kLongest);
      if (!text) return std::nullopt;
      const auto [same, is_first] =
          by_text_.try_emplace(*text, static_cast<std::uint32_t>(out_.snapshot.files.size()));
      if (is_first) out_.snapshot.files.push_back(*text);
      known->second = same->second;
    }
    return known->second == kBad ? std::nullopt : std::optional(known->second);
  }

  static constexpr std::uint32_t kBad = ~std::uint32_t{0};
  const Objects& o_;
  const PyLayout& l_;
  const std::uint32_t max_nframe_;
  const std::uint64_t most_;  // frames, and traces: each takes bytes of its own, unless its table is damaged
  const std::function<void(Address)>& before_file_;
  Tracemalloc& out_;
  std::unordered_map<std::uint64_t, std::uint32_t> tracebacks_, files_;
  std::unordered_map<std::string, std::uint32_t> by_text_;
};

// Without symbols: what is traced now is the sum of all traces, and the peak lies in front of it.
void find_figures(const Objects& o, Tracemalloc& out) {
  std::uint64_t sum = 0;
  for (const Trace& t : out.snapshot.traces) sum += t.size;
  out.current = sum;
  if (out.contradictions) return;
  std::uint64_t before = 0, peak = 0, found = 0;
  any_static_word(o, [&](Address, std::uint64_t word) {
    const bool pointer = before % 16 == 0 && o.image().at(Address{before}, 1);
    const bool number = before >= sum && before >> 40 == 0 && !pointer;
    if (word == sum && sum > 4096 && number) {
      peak = before;
      ++found;
    }
    before = word;
    return false;
  });
  if (found == 1) out.peak = peak;
}

}  // namespace

Tracemalloc read_tracemalloc(const Objects& o, const std::function<void(Address)>& before_file) {
  const TracemallocTables tables = find_tracemalloc(o);
  Tracemalloc out{.tracing = tables.tracing, .how_found = tables.how_found};
  if (!out.tracing) return out;
  out.current = tables.current;
  out.peak = tables.peak;
  out.snapshot.traceback_limit = tables.max_nframe;
  out.snapshot.total_frames = o.layout().traceback_t.total_nframe != kAbsent;
  out.tables_found = !is_null(tables.traces);
  if (!out.tables_found) return out;
  constexpr std::uint32_t kMostFrames = 65535;
  TraceTableReader reader(o, std::min(tables.max_nframe, kMostFrames), before_file, out);
  reader.read_traces(tables.traces, 0);
  if (!is_null(tables.domains)) reader.read_domains(tables.domains);
  if (!tables.limit_known) {  // no less than the longest there is
    out.snapshot.traceback_limit = 1;
    for (const TraceTraceback& each : out.snapshot.tracebacks)
      out.snapshot.traceback_limit = std::max(out.snapshot.traceback_limit, each.count);
  }
  if (!out.current) find_figures(o, out);
  return out;
}

}  // namespace heapglass
