// Objects that are counted and that nothing refers to: an extension took references and lost them. The
// collector does not know such objects; their blocks tell that they exist (lib/heap/unreached_objects.h).
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"
#include "lib/python/collector_lists.h"

namespace heapglass {
namespace {

// One part in so many of the heap: what extensions keep in variables of their own is a twentieth of a healthy
// process with pandas.
constexpr std::uint64_t kLostPart = 10;
// Of fewer objects each has to be large, and one may be what C code works on just now.
constexpr std::uint64_t kManyLost = 1000, kFewLostBytes = 1'000'000;

// Of a few large ones it is the bytes that tell which types they are of.
std::map<std::string, std::uint64_t> bytes_by_type(const LeakSearch& search,
                                                   const std::vector<NodeId>& lost) {
  std::map<std::string, std::uint64_t> bytes;
  for (const NodeId n : lost)
    bytes[search.graph().types[search.graph().type[index(n)]].name] += search.dominators().retained_bytes(n);
  return bytes;
}

// Those types that most of them are of: "builtins.str and builtins.float". `by_type`: objects, or bytes.
std::string names_of(const std::map<std::string, std::uint64_t>& by_type) {
  constexpr std::size_t kMost = 3;
  constexpr std::uint64_t kFew = 100;  // one part in so many
  std::uint64_t lost = 0;
  std::vector<std::pair<std::uint64_t, std::string>> by_count;
  for (const auto& [type, count] : by_type) {
    lost += count;
    by_count.emplace_back(count, type);
  }
  std::sort(by_count.rbegin(), by_count.rend());
  std::string names;
  for (std::size_t i = 0; i < by_count.size(); ++i) {
    if (i > 0 && by_count[i].first < lost / kFew) break;
    if (i == kMost) return names + " and others";
    const bool is_last = i + 1 == by_count.size() || i + 1 == kMost || by_count[i + 1].first < lost / kFew;
    names += (i == 0 ? "" : is_last && i + 1 < kMost ? " and " : ", ") + by_count[i].second;
  }
  return names;
}

}  // namespace

bool is_lost(const LeakSearch& search, NodeId n) {
  if (!search.clues().held.held[index(n)] || !search.labels().referrers().of(n).empty()) return false;
  const Address a = search.address(n);
  if (static_cast<std::int32_t>(search.objects().refcount(a)) < 0) return false;  // immortal: nobody counts
  return !(search.type_of(n).flags & kTpTypeSubclass) && !is_tracked(search.objects(), a, search.type_of(n));
}

void find_lost_objects(const LeakSearch& search, Suspects& found) {
  const HeapGraph& graph = search.graph();
  std::vector<bool> root(graph.nodes());
  for (const GraphRoot& r : graph.roots) root[index(r.node)] = true;
  std::vector<NodeId> lost;
  std::map<std::string, std::uint64_t> by_type;
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
    if (root[n] || !is_lost(search, NodeId{n})) continue;
    lost.push_back(NodeId{n});
    ++by_type[graph.types[graph.type[n]].name];
  }
  if (lost.empty()) return;
  const bool many = lost.size() >= kManyLost;
  LeakSearch::Kept kept = search.retained_by_set(lost);
  if (kept.bytes < search.heap_bytes() / kLostPart || (!many && kept.bytes < kFewLostBytes)) return;
  if (!many) {
    // Beside the large ones lie a few small ones, which healthy programs have too.
    constexpr std::uint64_t kSmall = 10;  // one part in so many of what they have on average
    const std::uint64_t average = kept.bytes / lost.size();
    std::erase_if(lost, [&](NodeId n) { return search.dominators().retained_bytes(n) < average / kSmall; });
    kept = search.retained_by_set(lost);
    by_type = bytes_by_type(search, lost);
  }
  const NodeId largest = *std::max_element(lost.begin(), lost.end(), [&](NodeId a, NodeId b) {
    return search.dominators().retained_bytes(a) < search.dominators().retained_bytes(b);
  });
  Suspect s{.pattern = "native-references", .node = largest, .bytes = kept.bytes, .objects = lost.size()};
  const std::string names = names_of(by_type);
  s.owner = "C code, " + names;
  s.path = "nothing that can be seen -> " + names;
  s.retained = kept.bytes;
  s.certainty = many ? 0.7 : 0.5;
  s.evidence =
      format_count(lost.size(), "object", "objects") + " of " + names + (lost.size() == 1 ? " is" : " are") +
      " counted but referred to by nothing that can be seen: an extension lost " +
      (lost.size() == 1 ? "it, or keeps it" : "them, or keeps them") + " where only its own code finds " +
      (lost.size() == 1 ? "it" : "them") +
      (many ? "" : ", or works on " + std::string(lost.size() == 1 ? "it" : "them") + " at this moment");
  s.cure =
      "Look for the extension (or ctypes call) that makes or takes such objects and does not give its "
      "reference back "
      "with Py_DECREF; heapglass garbage --held-by-c tells of how many no memory has the address.";
  s.examples.assign(lost.begin(),
                    lost.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(lost.size(), 3)));
  s.covers = std::move(lost);
  found.push_back(std::move(s));
}

}  // namespace heapglass
