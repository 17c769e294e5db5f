#include "lib/compare/heap_summary.h"

#include <algorithm>
#include <ctime>
#include <future>

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

void add_owners_and_retained(const Heap& heap, HeapSummary& moment) {
  const HeapGraph& graph = heap.graph();
  // On another core: it reads nothing that paths and owners do.
  (void)heap.external_roots();
  auto retained =
      std::async(std::launch::async, [&] { return retained_by_row(graph, moment.types, heap.dominators()); });
  const Owners& owners = heap.owners();
  std::vector<std::uint32_t> row_of;
  moment.owners = owner_counts(owners, &row_of);
  if (!moment.identities.address.empty()) {
    moment.identities.owner.reserve(owners.of.size());
    for (const std::uint32_t owner : owners.of) moment.identities.owner.push_back(row_of[owner]);
  }
  moment.retained = retained.get();
}

}  // namespace

const TypeCount* HeapSummary::type(std::string_view name) const {
  const auto at = std::lower_bound(types.begin(), types.end(), name,
                                   [](const TypeCount& row, std::string_view n) { return row.type < n; });
  return at != types.end() && at->type == name ? &*at : nullptr;
}

HeapSummary summarize(const Heap& heap, const MomentOptions& options) {
  HeapSummary moment;
  moment.target = heap.target().name();
  moment.python = heap.python().version;
  moment.command_line = heap.target().command_line();
  moment.pid = heap.target().pid();
  moment.time = heap.target().shown_moment().value_or(std::time(nullptr));
  moment.runs = heap.target().runs();
  moment.resident = heap.target().resident_memory();
  moment.pause_ms = heap.capture().pause_ms;
  moment.types = histogram(heap.graph(), &heap.objects());
  for (const TypeCount& row : moment.types) {
    moment.objects += row.count;
    moment.bytes += all_bytes(row);
  }
  if (options.identities) moment.identities = identities(heap.graph(), heap.objects(), heap.value_policy());
  if (options.owners) add_owners_and_retained(heap, moment);
  moment.caveats = heap.caveats();
  return moment;
}

}  // namespace heapglass
