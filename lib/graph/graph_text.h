// Small graphs written as text, for tests: "root -> a b; a -> c".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/graph.h"

namespace heapglass {

struct NamedGraph {
  Graph graph;
  std::vector<std::string> names;  // by node, in order of first mention
  NodeId node(std::string_view name) const;
  const std::string& name(NodeId n) const { return names[index(n)]; }
};

// All references are visited ones, all objects are of one type and 16 bytes. Throws std::invalid_argument.
NamedGraph graph_from_text(std::string_view text);

}  // namespace heapglass
