#include "lib/compare/histogram.h"

#include <algorithm>

#include "lib/base/parallel.h"
#include "lib/heap/external_bytes.h"
#include "lib/heap/node_chunks.h"

namespace heapglass {

std::vector<TypeCount> histogram(const HeapGraph& graph, const Objects* objects) {
  // Who has buffers is looked at in memory: that is what takes the time, and all cores take it.
  std::vector<std::vector<TypeCount>> by_worker(worker_count());
  for (auto& rows : by_worker) rows.resize(graph.types.size());
  for_each_chunk(*graph.index, [&](const NodeChunk& piece) {
    std::vector<TypeCount>& mine = by_worker[piece.worker];
    piece.each([&](std::uint32_t node, Address a) {
      TypeCount& row = mine[graph.type[node]];
      ++row.count;
      row.bytes += graph.size.own(node);
      if (!objects) return;
      const BufferBytes buffers = buffers_of(graph, *objects, NodeId{node}, a);
      row.external_bytes += buffers.all;
      row.unreported_bytes += buffers.unreported;
    });
  });
  std::vector<TypeCount> by_type = std::move(by_worker[0]);
  for (std::size_t w = 1; w < by_worker.size(); ++w)
    for (std::size_t t = 0; t < by_type.size(); ++t) {
      by_type[t].count += by_worker[w][t].count;
      by_type[t].bytes += by_worker[w][t].bytes;
      by_type[t].external_bytes += by_worker[w][t].external_bytes;
      by_type[t].unreported_bytes += by_worker[w][t].unreported_bytes;
    }
  std::vector<TypeCount> rows;
  for (std::size_t t = 0; t < by_type.size(); ++t) {  // graph.types is sorted by name
    if (by_type[t].count == 0) continue;
    if (rows.empty() || rows.back().type != graph.types[t].name)
      rows.push_back({.type = graph.types[t].name});
    rows.back().count += by_type[t].count;
    rows.back().bytes += by_type[t].bytes;
    rows.back().external_bytes += by_type[t].external_bytes;
    rows.back().unreported_bytes += by_type[t].unreported_bytes;
    rows.back().size_unsure |= graph.types[t].size_unsure;
  }
  return rows;
}

}  // namespace heapglass
