#include "lib/heap/describe_address.h"

#include <algorithm>

#include "lib/target/mappings.h"

namespace heapglass {

std::string describe_address(const Capture& capture, const HeapGraph& graph, Address a) {
  const Mapping* mapping = find_mapping(capture.mappings, a);
  const Image::Segment* segment = capture.image->find(a);
  if (!mapping && !segment) return "nothing is mapped there";
  const std::string of = mapping && !mapping->path.empty() ? " of " + mapping->path : std::string();
  if (!segment || !segment->heap) return "memory" + of + " is mapped there, in which no object can live";
  auto name = [&](NodeId n) {
    return "the " + graph.types[graph.type[index(n)]].name + " at " + to_hex(graph.index->address(n));
  };
  const NodeId before = graph.index->last_before(a);
  if (before != kNoNode) {
    const std::uint64_t behind = a - graph.index->address(before);
    // A size counts what lies in front of the object, and buffers elsewhere: only the first bytes are surely
    // it.
    constexpr std::uint64_t kSurely = 16;
    if (behind < kSurely || behind < std::min<std::uint64_t>(graph.size[index(before)], 512))
      return "it lies in " + name(before) + ", or close behind it: " + std::to_string(behind) +
             " bytes from its start";
  }
  for (std::uint64_t step = 8 - value(a) % 8; step <= 32; step += 8) {
    const NodeId next = graph.index->find(a + step);
    if (next != kNoNode) return "it lies in the " + std::to_string(step) + " bytes in front of " + name(next);
  }
  return "memory" + of +
         " is mapped there, but no object is: a buffer of one, freed memory, or memory of C code";
}

}  // namespace heapglass
