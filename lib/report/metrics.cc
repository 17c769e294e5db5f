#include "lib/report/metrics.h"

#include <algorithm>
#include <ctime>
#include <sstream>

#include "lib/compare/type_growth.h"
#include "lib/render/output.h"
#include "lib/report/service_name.h"

namespace heapglass {
namespace {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Gauges {
 public:
  Gauges(const HeapSummary& summary, const MetricsOptions& options)
      : common_{{"pid", std::to_string(summary.pid)},
                {"service", options.service.empty() ? service_of(summary.command_line) : options.service},
                {"version", summary.python}} {}

  Gauge& add(std::string name, std::string help) {
    out.push_back({"heapglass_" + std::move(name), std::move(help), {}});
    return out.back();
  }
  void sample(Gauge& gauge, double value, MetricLabels own = {}) const {
    own.insert(own.end(), common_.begin(), common_.end());
    gauge.samples.push_back({std::move(own), value});
  }
  void single(std::string name, std::string help, double value) {
    sample(add(std::move(name), std::move(help)), value);
  }

  std::vector<Gauge> out;

 private:
  const MetricLabels common_;
};

double number(std::uint64_t n) { return static_cast<double>(n); }
double number(std::int64_t n) { return static_cast<double>(n); }

// The `most` rows that come first by `more`.
template <class T, class More>
void keep_most(std::vector<T>& rows, std::size_t most, More more) {
  std::stable_sort(rows.begin(), rows.end(), more);
  if (most && rows.size() > most) rows.resize(most);
}

void add_memory(Gauges& g, const ResidentMemory& memory) {
  Gauge& parts = g.add("resident_bytes", "Resident memory of the process, by what it is.");
  g.sample(parts, number(memory.anonymous), {{"part", "anonymous"}});
  g.sample(parts, number(memory.file), {{"part", "file"}});
  g.sample(parts, number(memory.shared), {{"part", "shared"}});
  g.single("resident_peak_bytes", "The most that the process ever had resident.", number(memory.peak));
  g.single("swapped_bytes", "Memory of the process that is swapped out.", number(memory.swapped));
}

void add_types(Gauges& g, const HeapSummary& summary, std::size_t most) {
  std::vector<TypeCount> rows = summary.types;
  keep_most(rows, most, [](const TypeCount& a, const TypeCount& b) { return all_bytes(a) > all_bytes(b); });
  Gauge objects = g.add("type_objects", "Objects of a type; the types with most bytes.");
  Gauge bytes = g.add("type_bytes", "Bytes of the objects of a type; the types with most bytes.");
  g.out.resize(g.out.size() - 2);
  for (const TypeCount& row : rows) {
    g.sample(objects, number(row.count), {{"type", row.type}});
    g.sample(bytes, number(all_bytes(row)), {{"type", row.type}});
  }
  g.out.push_back(std::move(objects));
  g.out.push_back(std::move(bytes));
}

void add_growth(Gauges& g, const HeapSummary& first, const HeapSummary& last, std::size_t most) {
  std::vector<TypeGrowth> types = type_growth(first.types, last.types);
  std::erase_if(types, [](const TypeGrowth& r) { return r.bytes_delta() <= 0; });
  keep_most(types, most,
            [](const TypeGrowth& a, const TypeGrowth& b) { return a.bytes_delta() > b.bytes_delta(); });
  Gauge& by_type = g.add("type_growth_bytes", "Bytes that a type has more than at the earlier moment.");
  for (const TypeGrowth& row : types) g.sample(by_type, number(row.bytes_delta()), {{"type", row.type}});
  std::vector<OwnerGrowth> owners = owner_growth(first.owners, last.owners);
  std::erase_if(owners, [](const OwnerGrowth& r) { return r.bytes_delta() <= 0; });
  keep_most(owners, most,
            [](const OwnerGrowth& a, const OwnerGrowth& b) { return a.bytes_delta() > b.bytes_delta(); });
  Gauge& by_owner = g.add("owner_growth_bytes", "Bytes that hang in it more than at the earlier moment.");
  for (const OwnerGrowth& row : owners) g.sample(by_owner, number(row.bytes_delta()), {{"owner", row.path}});
}

}  // namespace

std::vector<Gauge> gauges_of(const HeapSummary& last, const HeapSummary* first, bool exceeded,
                             const MetricsOptions& options) {
  const std::size_t most = options.top;
  Gauges g(last, options);
  g.single("objects", "Objects in the heap.", number(last.objects));
  g.single("object_bytes", "Bytes of all objects.", number(last.bytes));
  if (!last.owners.empty()) {
    std::uint64_t objects = 0, bytes = 0;
    for (const OwnerCount& row : last.owners)
      if (row.path == kGarbageOwner) objects += row.objects, bytes += row.bytes;
    g.single("garbage_objects", "Objects that nothing reaches any more.", number(objects));
    g.single("garbage_bytes", "Bytes of objects that nothing reaches any more.", number(bytes));
  }
  g.single("pause_seconds", "Pause of the process for the capture.", last.pause_ms / 1e3);
  g.single("look_timestamp_seconds", "When it was captured.", number(std::int64_t{last.time}));
  if (last.resident) add_memory(g, *last.resident);
  add_types(g, last, most);
  if (first) {
    add_growth(g, *first, last, most);
    g.single("threshold_exceeded", "1 where --fail-if was exceeded.", exceeded ? 1 : 0);
  }
  return std::move(g.out);
}

FileMode mode_of_metrics(FileMode mode) {
  constexpr mode_t kForTheCollector = 0644;
  return mode.asked ? mode : FileMode(kForTheCollector);
}

void write_metrics(const std::vector<Gauge>& gauges, const MetricsOptions& options, FileMode mode) {
  Output output(options.file, mode_of_metrics(mode));
  output.stream() << openmetrics(gauges);
  output.commit();
}

}  // namespace heapglass
