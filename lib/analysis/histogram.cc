#include "lib/analysis/histogram.h"

#include "lib/python/sizes.h"
#include "lib/python/types.h"

namespace heapglass {

std::vector<TypeCount> histogram(const HeapGraph& graph, const Objects* objects) {
  std::vector<TypeCount> by_type(graph.types.size());
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
    TypeCount& row = by_type[graph.type[n]];
    ++row.count;
    row.bytes += graph.size[n];
    const TypeInfo* const type = graph.types[graph.type[n]].info;
    if (!objects || !type || !may_have_buffers(*type)) continue;
    const ExternalBytes external =
        external_of(*objects, graph.index->address(NodeId{n}), *type, graph.size[n]);
    row.external_bytes += external.bytes;
    if (!external.in_size) row.beyond_bytes += external.bytes;
  }
  std::vector<TypeCount> rows;
  for (std::size_t t = 0; t < by_type.size(); ++t) {  // graph.types is sorted by name
    if (by_type[t].count == 0) continue;
    if (rows.empty() || rows.back().type != graph.types[t].name)
      rows.push_back({.type = graph.types[t].name});
    rows.back().count += by_type[t].count;
    rows.back().bytes += by_type[t].bytes;
    rows.back().external_bytes += by_type[t].external_bytes;
    rows.back().beyond_bytes += by_type[t].beyond_bytes;
    rows.back().size_unsure |= graph.types[t].size_unsure;
  }
  return rows;
}

std::string_view short_type_name(std::string_view type) { return type.substr(type.rfind('.') + 1); }

bool type_matches(std::string_view type, std::string_view wanted) {
  return wanted.find('.') == std::string_view::npos ? short_type_name(type) == wanted : type == wanted;
}

}  // namespace heapglass
