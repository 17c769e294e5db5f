#include "lib/heap/external_bytes.h"

namespace heapglass {

ExternalBytes external_of(const HeapGraph& graph, const Objects& objects, NodeId node) {
  const std::uint32_t n = index(node);
  if (graph.external.size()) return {graph.external[n], graph.beyond[n] == 0};
  const TypeInfo* const type = graph.types[graph.type[n]].info;
  if (!type || !may_have_buffers(*type)) return {};
  return external_of(objects, graph.index->address(node), *type, graph.size[n]);
}

}  // namespace heapglass
