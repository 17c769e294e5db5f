#include "lib/heap/external_roots.h"

namespace heapglass {
ExternalRoots find_external_roots(const HeapGraph& graph, const Objects& objects) {
  ExternalRoots out;
  out.held.resize(graph.nodes());
  // Counts above 2^31 saturate: who is referred to that often is held, whatever is missing.
  std::vector<std::uint32_t> found(graph.nodes());
  for (std::size_t e = 0; e < graph.referent.size(); ++e)
    if (graph.edge_class[e] != EdgeClass::kWeak) ++found[index(graph.referent[e])];
  std::vector<bool> root(graph.nodes());
  for (const GraphRoot& r : graph.roots) {
    // A word of a value stack may be stale: then the count tells.
    if (!r.guess) root[index(r.node)] = true;
  }
  std::uint32_t next = 0;
  graph.index->each_in_blocks(0, graph.index->blocks(), [&](Address a) {
    const std::uint32_t n = next++;
    const std::uint64_t count = objects.refcount(a);
    const bool immortal = objects.is_immortal(count);
    out.held[n] = root[n] || immortal || count > found[n];
    if (root[n] || immortal || count <= found[n]) return;
    ++out.counted_objects;
    out.counted_references += count - found[n];
    ++out.by_type[graph.types[graph.type[n]].name];
  });
  return out;
}

}  // namespace heapglass
