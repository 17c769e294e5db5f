#include "cmd/heap_summary.h"

#include <algorithm>
#include <ctime>
#include <future>

#include "cmd/root_paths_of.h"
#include "lib/analysis/dominators.h"
#include "lib/analysis/object_view.h"

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

void find_holders(Session& session, HeapSummary& moment) {
  const HeapGraph& graph = session.graph();
  const Referrers referrers = reverse(graph);
  Labels labels(session.types(), graph, referrers);
  const ObjectView values(session.types(), graph, session.interpreters());
  ExternalRootPaths outside(session, labels, values);
  // On another core: it looks at nothing that the ways and owners do.
  const std::vector<bool>& held = outside.held().held;
  auto retained = std::async(std::launch::async,
                             [&] { return retained_by_row(graph, moment.types, Dominators(graph, held)); });
  const RootPaths from_modules = outside.ways({}, [&](NodeId n) {
    return labels.type_of(n).body == TraverseRule::kModule && values.is_in_sys_modules(labels.address(n));
  });
  const RootPaths from_anywhere = outside.ways();
  Owners owners = find_owners({from_modules, from_anywhere, labels, values});
  std::vector<std::uint32_t> row_of;
  moment.owners = owner_counts(owners, &row_of);
  if (!moment.identities.address.empty()) {
    for (std::uint32_t& owner : owners.of) owner = row_of[owner];
    moment.identities.owner = std::move(owners.of);
  }
  moment.retained = retained.get();
}

}  // namespace

const TypeCount* HeapSummary::type(std::string_view name) const {
  const auto at = std::lower_bound(types.begin(), types.end(), name,
                                   [](const TypeCount& row, std::string_view n) { return row.type < n; });
  return at != types.end() && at->type == name ? &*at : nullptr;
}

std::unique_ptr<Session> open_for_moment(const CommonOptions& common, const MomentOptions& options) {
  return Session::open(common, {.references = options.owners || options.identities});
}

HeapSummary summarize(Session& session, const MomentOptions& options) {
  HeapSummary moment;
  moment.target = session.target().name();
  moment.python = session.python().version;
  moment.command_line = session.target().command_line();
  moment.pid = session.target().pid();
  moment.time = session.target().shown_moment().value_or(std::time(nullptr));
  moment.runs = session.target().runs();
  moment.resident = session.target().resident_memory();
  moment.pause_ms = session.capture().pause_ms;
  moment.types = histogram(session.graph(), &session.objects());
  for (const TypeCount& row : moment.types) {
    moment.objects += row.count;
    moment.bytes += all_bytes(row);
  }
  if (options.identities)
    moment.identities = identities(session.graph(), session.objects(), session.values());
  if (options.owners) find_holders(session, moment);
  moment.caveats = session.caveats();
  return moment;
}

HeapSummary take_summary(const CommonOptions& common, const MomentOptions& options) {
  const auto session = open_for_moment(common, options);
  return summarize(*session, options);
}

}  // namespace heapglass
