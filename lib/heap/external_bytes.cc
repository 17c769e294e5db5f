#include "lib/heap/external_bytes.h"

#include "lib/python/sizes.h"

namespace heapglass {

BufferBytes buffers_of(const HeapGraph& graph, const Objects& objects, NodeId node, Address object) {
  const std::uint32_t n = index(node);
  const std::uint64_t beyond = graph.beyond.size() ? graph.beyond[n] : 0;
  if (graph.external.size()) return {graph.external[n], beyond};
  const TypeInfo* const type = graph.types[graph.type[n]].info;
  if (!type || !may_have_buffers(*type)) return {beyond, beyond};
  const ExternalBytes external = external_of(objects, object, *type, graph.size[n]);
  if (external.in_size) return {external.bytes + beyond, beyond};
  const std::uint64_t unreported = graph.beyond.size() ? beyond : external.bytes;
  return {unreported, unreported};
}

BufferBytes buffers_of(const HeapGraph& graph, const Objects& objects, NodeId node) {
  return buffers_of(graph, objects, node, graph.index->address(node));
}

}  // namespace heapglass
