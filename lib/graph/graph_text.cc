#include "lib/graph/graph_text.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>

namespace heapglass {

NodeId NamedGraph::node(std::string_view name) const {
  const auto at = std::find(names.begin(), names.end(), name);
  return at == names.end() ? kNoNode : NodeId{static_cast<std::uint32_t>(at - names.begin())};
}

NamedGraph graph_from_text(std::string_view text) {
  NamedGraph out;
  std::map<std::string, std::uint32_t> known;
  auto id = [&](const std::string& name) {
    const auto [at, is_new] = known.try_emplace(name, static_cast<std::uint32_t>(out.names.size()));
    if (is_new) out.names.push_back(name);
    return at->second;
  };
  std::vector<std::vector<std::uint32_t>> edges;
  std::stringstream statements{std::string(text)};
  for (std::string statement; std::getline(statements, statement, ';');) {
    std::stringstream words(statement);
    std::string from, arrow, to;
    if (!(words >> from)) continue;
    const std::uint32_t f = id(from);
    if (words >> arrow && arrow != "->") throw std::invalid_argument("expected -> after " + from);
    while (words >> to) {
      const std::uint32_t t = id(to);
      edges.resize(out.names.size());
      edges[f].push_back(t);
    }
  }
  const std::size_t n = out.names.size();
  edges.resize(n);

  out.graph.type.assign(n, 0);
  out.graph.size.resize(n);
  out.graph.first_edge.push_back(0);
  for (std::size_t i = 0; i < n; ++i) {
    out.graph.size.set_small(i, 16);
    for (const std::uint32_t t : edges[i]) {
      out.graph.referent.push_back(NodeId{t});
      out.graph.edge_class.push_back(EdgeClass::kVisited);
    }
    out.graph.first_edge.push_back(out.graph.referent.size());
  }
  return out;
}

}  // namespace heapglass
