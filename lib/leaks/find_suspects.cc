#include "lib/leaks/find_suspects.h"

#include <algorithm>

#include "lib/leaks/detectors.h"

namespace heapglass {
namespace {

// The particular before the general.
constexpr void (*kDetectors[])(const LeakSearch&, Suspects&) = {
    find_lru_caches,           find_cycles_with_del,   find_exceptions,
    find_coroutines,           find_classes,           find_thread_locals,
    find_open_files,           find_logging,           find_context_variables,
    find_weakref_callbacks,    find_closures,          find_handlers,
    find_unbounded_containers, find_native_references, find_duplicates,
    find_sparse_containers,    find_missing_slots,
};

// A suspect's rank is its part of the heap, or of another limit, as far as it is a leak at all.
double weight(const Suspect& s, std::uint64_t heap_bytes) {
  const double part =
      static_cast<double>(s.bytes) / static_cast<double>(std::max<std::uint64_t>(heap_bytes, 1));
  return s.certainty * std::max(part, s.share_of_limit);
}

}  // namespace

bool is_already_reported(const Suspects& found, NodeId node) {
  return std::any_of(found.begin(), found.end(), [&](const Suspect& s) {
    return s.node == node || std::find(s.covers.begin(), s.covers.end(), node) != s.covers.end();
  });
}

std::vector<Suspect> find_suspects(const LeakSearch& search) {
  Suspects found;
  for (const auto detector : kDetectors) {
    detector(search, found);
    for (Suspect& s : found) {
      if (s.node == kNoNode) continue;
      if (s.retained == 0) s.retained = search.dominators().retained_bytes(s.node);
      if (!s.owner.empty() && !s.path.empty()) continue;
      const std::vector<NodeId> way = search.way_to(s.node);
      if (s.owner.empty()) s.owner = search.owner_of(way);
      if (s.path.empty()) s.path = search.path_of(way);
    }
  }
  std::stable_sort(found.begin(), found.end(), [&](const Suspect& a, const Suspect& b) {
    return weight(a, search.heap_bytes()) > weight(b, search.heap_bytes());
  });
  return found;
}

}  // namespace heapglass
