#include "lib/leaks/find_suspects.h"

#include <algorithm>

#include "lib/base/progress.h"
#include "lib/leaks/detectors.h"
#include "lib/leaks/same_objects.h"

namespace heapglass {
namespace {

// The particular before the general.
constexpr void (*kDetectors[])(const LeakSearch&, Suspects&) = {
    find_lru_caches,
    find_cycles_with_del,
    find_exceptions,
    find_coroutines,
    find_classes,
    find_thread_locals,
    find_open_files,
    find_logging,
    find_threads,
    find_context_variables,
    find_weakref_callbacks,
    find_closures,
    find_handlers,
    find_weak_key_cycles,
    find_shell_outputs,
    find_grown_namespaces,
    find_unbounded_containers,
    find_large_objects,
    find_lost_objects,
    find_native_references,
    find_duplicates,
    find_sparse_containers,
    find_missing_slots,
};

// A suspect's rank is its part of the heap, or of another limit, as far as it is a leak at all.
double weight(const Suspect& s, std::uint64_t heap_bytes) {
  const double part =
      static_cast<double>(s.bytes) / static_cast<double>(std::max<std::uint64_t>(heap_bytes, 1));
  return s.certainty * std::max(part, s.share_of_limit);
}

// What only a word of a stack leads to may be none that anybody still has.
constexpr double kUnsure = 0.25;

void name_owners(const LeakSearch& search, Suspects& found) {
  for (Suspect& s : found) {
    if (s.node == kNoNode || !s.path.empty()) continue;
    if (s.retained == 0) s.retained = search.dominators().retained_bytes(s.node);
    const std::vector<NodeId> path = search.path_to(s.node);
    if (s.owner.empty()) s.owner = search.owner_of(path);
    s.path = search.path_of(path);
    // Of these the count of references is the evidence.
    if (!search.is_unsure(path) || s.pattern == "native-references") continue;
    s.certainty *= kUnsure;
    s.evidence +=
        "; no module, class or thread leads there that is sure, no more than a word of a stack or a "
        "count of references";
  }
}

}  // namespace

bool explains_its_node(const LeakSearch& search, const Suspect& suspect) {
  constexpr std::uint64_t kThird = 3;
  return suspect.node != kNoNode &&
         suspect.bytes >= search.dominators().retained_bytes(suspect.node) / kThird;
}

bool is_already_reported(const Suspects& found, NodeId node) {
  return std::any_of(found.begin(), found.end(), [&](const Suspect& s) {
    return s.node == node || std::find(s.covers.begin(), s.covers.end(), node) != s.covers.end();
  });
}

std::vector<Suspect> find_suspects(const LeakSearch& search, const SuspectOptions& options) {
  const InStage looking(Stage::kSuspects);
  Suspects found;
  for (const auto detector : kDetectors) {
    detector(search, found);
    name_owners(search, found);
  }
  join_those_of_same_objects(search, found);
  std::stable_sort(found.begin(), found.end(), [&](const Suspect& a, const Suspect& b) {
    return weight(a, search.heap_bytes()) > weight(b, search.heap_bytes());
  });
  if (options.to_compare) {
    find_containers_to_compare(search, found);
    find_native_references_to_compare(search, found);
  }
  name_owners(search, found);
  return found;
}

}  // namespace heapglass
