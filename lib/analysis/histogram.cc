#include "lib/analysis/histogram.h"

namespace heapglass {

std::vector<TypeCount> histogram(const HeapGraph& graph) {
  std::vector<TypeCount> by_type(graph.types.size());
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
    TypeCount& row = by_type[graph.type[n]];
    ++row.count;
    row.bytes += graph.size[n];
  }
  std::vector<TypeCount> rows;
  for (std::size_t t = 0; t < by_type.size(); ++t) {  // graph.types is sorted by name
    if (by_type[t].count == 0) continue;
    if (rows.empty() || rows.back().type != graph.types[t].name)
      rows.push_back({.type = graph.types[t].name});
    rows.back().count += by_type[t].count;
    rows.back().bytes += by_type[t].bytes;
    rows.back().size_unsure |= graph.types[t].size_unsure;
  }
  return rows;
}

std::string_view short_type_name(std::string_view type) { return type.substr(type.rfind('.') + 1); }

bool type_matches(std::string_view type, std::string_view wanted) {
  return wanted.find('.') == std::string_view::npos ? short_type_name(type) == wanted : type == wanted;
}

}  // namespace heapglass
