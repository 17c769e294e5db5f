#include "lib/compare/heap_summary.h"

#include <algorithm>
#include <ctime>
#include <future>

#include "lib/base/progress.h"
#include "lib/base/wall_clock.h"
#include "lib/graph/dominators.h"
#include "lib/heap/object_view.h"

namespace heapglass {
namespace {

// Types of one name are one row.
std::vector<std::uint64_t> retained_by_row(const HeapGraph& graph, const std::vector<TypeCount>& types,
                                           const Dominators& dominators) {
  std::vector<std::uint32_t> row_of(graph.types.size());
  std::uint32_t row = 0;
  for (std::size_t t = 0; t < graph.types.size(); ++t) {
    while (row + 1 < types.size() && types[row].type < graph.types[t].name) ++row;
    row_of[t] = row;  // those without an object have none, and any will do
  }
  return dominators.retained_by(graph, row_of, static_cast<std::uint32_t>(types.size()));
}

void add_owners_and_retained(const Heap& heap, bool with_retained, HeapSummary& summary) {
  const HeapGraph& graph = heap.graph();
  // On another core: it reads nothing that paths and owners do.
  (void)heap.external_roots();
  std::future<std::vector<std::uint64_t>> retained;
  if (with_retained)
    retained = std::async(std::launch::async,
                          [&] { return retained_by_row(graph, summary.types, heap.dominators()); });
  const Owners& owners = heap.owners();
  std::vector<std::uint32_t> row_of;
  summary.owners = owner_counts(owners, &row_of);
  if (!summary.identities.address.empty()) {
    summary.identities.owner.reserve(owners.of.size());
    for (const std::uint32_t owner : owners.of) summary.identities.owner.push_back(row_of[owner]);
  }
  if (with_retained) summary.retained = retained.get();
}

}  // namespace

const TypeCount* HeapSummary::type(std::string_view name) const {
  const auto at = std::lower_bound(types.begin(), types.end(), name,
                                   [](const TypeCount& row, std::string_view n) { return row.type < n; });
  return at != types.end() && at->type == name ? &*at : nullptr;
}

HeapSummary summarize(const Heap& heap, const HeapSummaryOptions& options) {
  const InStage summing(Stage::kSummary);
  HeapSummary summary;
  summary.target = heap.target().name();
  summary.python = heap.python().version;
  summary.command_line = heap.target().command_line();
  summary.pid = heap.target().pid();
  summary.origin = heap.origin();
  summary.time = summary.origin.time_ms.value_or(milliseconds_since_1970()) / 1000;
  summary.runs = heap.target().runs();
  summary.resident = heap.target().resident_memory();
  summary.pause_ms = heap.capture().pause_ms;
  summary.types = histogram(heap.graph(), &heap.objects());
  for (const TypeCount& row : summary.types) {
    summary.objects += row.count;
    summary.bytes += all_bytes(row);
  }
  if (options.identities) summary.identities = identities(heap.graph(), heap.objects(), heap.value_policy());
  if (options.owners) add_owners_and_retained(heap, options.retained, summary);
  summary.caveats = heap.caveats();
  return summary;
}

}  // namespace heapglass
