#include "lib/tracemalloc/tracemalloc_tables.h"

#include <algorithm>
#include <limits>

#include "lib/python/static_words.h"

namespace heapglass {
namespace {

struct Shape {
  std::uint64_t entries = 0, buckets = 0;
  Address array{};
};

std::optional<Shape> shape_of(const Objects& o, Address table) {
  const auto& l = o.layout().hashtable;
  const auto entries = o.load<std::uint64_t>(table, l.nentries),
             buckets = o.load<std::uint64_t>(table, l.nbuckets);
  const Address array = o.pointer(table, l.buckets);
  const std::uint64_t most = o.image().heap_positions() / 16;
  if (!entries || !buckets || *buckets == 0 || *buckets & (*buckets - 1) || *buckets > most ||
      *entries > most)
    return std::nullopt;
  if (!o.image().at(array, *buckets * 8)) return std::nullopt;
  return Shape{*entries, *buckets, array};
}

// Of a stripped interpreter, to 3.11: the table whose values are traces.
bool looks_like_traces(const Objects& o, Address table, std::uint32_t max_nframe) {
  const auto shape = shape_of(o, table);
  if (!shape || shape->entries == 0 || shape->buckets < 16) return false;
  const auto& l = o.layout();
  int good = 0;
  bool bad = false;
  constexpr int kEnough = 8;
  each_entry(o, table, [&](const TableEntry& e) {
    const Address trace = l.hashtable_entry.value == kAbsent ? e.value_at : o.pointer(e.value_at, 0);
    const Address traceback = o.pointer(trace, l.trace_t.traceback);
    const auto nframe = o.load<std::uint16_t>(traceback, l.traceback_t.nframe);
    const auto size = o.load<std::uint64_t>(trace, l.trace_t.traced_size);
    const Address name = o.pointer(at(traceback, l.traceback_t.frames), l.frame_t.filename);
    bad = !nframe || *nframe == 0 || *nframe > max_nframe || !size || *size >> 46 || !o.str_length(name);
    good += !bad;
    return !bad && good < kEnough;
  });
  return !bad && good > 0;
}

bool looks_like_domains(const Objects& o, Address table, Address traces, std::uint32_t max_nframe) {
  const auto shape = shape_of(o, table);
  if (!shape || shape->entries == 0 || table == traces || shape->entries > 1 << 16) return false;
  bool good = true, some = false;
  each_entry(o, table, [&](const TableEntry& e) {
    const Address inner = o.pointer(e.value_at, 0);
    const auto inner_shape = shape_of(o, inner);
    good = inner_shape && (inner_shape->entries == 0 || looks_like_traces(o, inner, max_nframe));
    some |= good && inner_shape->entries > 0;
    return good;
  });
  return good && some;
}

void search(const Objects& o, TracemallocTables& out) {
  out.how_found = "a search for its tables";
  any_static_word(o, [&](Address, std::uint64_t word) {
    if (word % 8 || !looks_like_traces(o, Address{word}, out.max_nframe)) return false;
    out.traces = Address{word};
    return true;
  });
  if (is_null(out.traces) || o.layout().hashtable_entry.value == kAbsent) return;
  any_static_word(o, [&](Address, std::uint64_t word) {
    if (word % 8 || !looks_like_domains(o, Address{word}, out.traces, out.max_nframe)) return false;
    out.domains = Address{word};
    return true;
  });
}

void by_symbols(const Objects& o, TracemallocTables& out) {
  // struct {initialized, tracing, max_nframe}, of which the offsets have no other source in 3.7 and 3.8.
  constexpr std::int32_t kTracing = 4, kMaxNframe = 8;
  const SymbolSource& symbols = o.python().binary->symbols();
  auto config = symbols.find_exported("_Py_tracemalloc_config");
  if (!config) config = symbols.find("tracemalloc_config");
  if (!config) {
    // A static of 3.7, which a stripped one hides; so its table has to tell whether it is there.
    out.max_nframe = std::numeric_limits<std::uint16_t>::max();
    out.limit_known = false;
    search(o, out);
    out.tracing = !is_null(out.traces);
    return;
  }
  out.tracing = o.load<std::int32_t>(config->address, kTracing).value_or(0) != 0;
  out.max_nframe = o.load<std::uint32_t>(config->address, kMaxNframe).value_or(0);
  if (!out.tracing) return;
  const auto traces = symbols.find("tracemalloc_traces");
  if (!traces) return search(o, out);
  out.how_found = "the symbol tracemalloc_traces";
  out.traces = o.pointer(traces->address, 0);
  if (const auto domains = symbols.find("tracemalloc_domains")) out.domains = o.pointer(domains->address, 0);
  if (const auto current = symbols.find("tracemalloc_traced_memory"))
    out.current = o.load<std::uint64_t>(current->address, 0);
  if (const auto peak = symbols.find("tracemalloc_peak_traced_memory"))
    out.peak = o.load<std::uint64_t>(peak->address, 0);
}

}  // namespace

bool each_entry(const Objects& o, Address table, const std::function<bool(const TableEntry&)>& visit) {
  const auto shape = shape_of(o, table);
  if (!shape) return false;
  const auto& l = o.layout();
  const auto& entry = l.hashtable_entry;
  const bool in_entry = entry.key == kAbsent;  // to 3.8
  const std::uint64_t key_size =
      in_entry ? o.load<std::uint64_t>(table, l.hashtable.key_size).value_or(0) : 8;
  if (key_size > 64) return false;
  std::uint64_t seen = 0;
  for (std::uint64_t b = 0; b < shape->buckets; ++b) {
    for (Address e = o.pointer(shape->array + b * 8, 0); !is_null(e); e = o.pointer(e, entry.next)) {
      if (++seen > shape->entries || !o.image().at(e, static_cast<std::uint64_t>(entry.size))) return false;
      const Address key = in_entry ? e + static_cast<std::uint64_t>(entry.size) : at(e, entry.key);
      if (!visit({key, in_entry ? key + key_size : at(e, entry.value), key_size})) return true;
    }
  }
  return seen == shape->entries;
}

TracemallocTables find_tracemalloc(const Objects& o) {
  TracemallocTables out;
  const auto& l = o.layout();
  if (l.PyRuntimeState.tracemalloc == kAbsent) {
    by_symbols(o, out);
    return out;
  }
  const Address state = at(o.python().runtime, l.PyRuntimeState.tracemalloc);
  const auto& s = l.tracemalloc_state;
  out.how_found = "_PyRuntime";
  out.tracing = o.load<std::int32_t>(state, s.tracing).value_or(0) != 0;
  out.max_nframe = o.load<std::uint32_t>(state, s.max_nframe).value_or(0);
  out.traces = o.pointer(state, s.traces);
  out.domains = o.pointer(state, s.domains);
  out.current = o.load<std::uint64_t>(state, s.traced_memory);
  out.peak = o.load<std::uint64_t>(state, s.peak_traced_memory);
  return out;
}

std::vector<Address> tracemalloc_blocks(const Objects& o) {
  const TracemallocTables tables = find_tracemalloc(o);
  std::vector<Address> blocks;
  if (!tables.tracing) return blocks;
  const auto& l = o.layout();
  const bool in_entry = l.hashtable_entry.key == kAbsent;  // to 3.8
  // To 3.8 an entry begins before its key, and its trace is a part of it.
  const auto add_table = [&](Address table, const std::function<void(Address)>& add_value) {
    const auto shape = shape_of(o, table);
    if (!shape) return;
    blocks.push_back(table);
    blocks.push_back(shape->array);
    each_entry(o, table, [&](const TableEntry& e) {
      blocks.push_back(in_entry
                           ? Address{value(e.key_at) - static_cast<std::uint64_t>(l.hashtable_entry.size)}
                           : Address{value(e.key_at) - static_cast<std::uint64_t>(l.hashtable_entry.key)});
      add_value(in_entry ? e.value_at : o.pointer(e.value_at, 0));
      return true;
    });
  };
  const auto add_trace = [&](Address trace) {
    if (!in_entry) blocks.push_back(trace);
    blocks.push_back(o.pointer(trace, l.trace_t.traceback));
  };
  add_table(tables.traces, add_trace);
  if (!is_null(tables.domains))
    add_table(tables.domains, [&](Address inner) { add_table(inner, add_trace); });
  std::sort(blocks.begin(), blocks.end());
  blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
  return blocks;
}

}  // namespace heapglass
