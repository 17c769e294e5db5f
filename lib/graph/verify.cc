#include "lib/graph/verify.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "lib/base/parallel.h"

namespace heapglass {

void require_of_graph(bool holds, const char* what) {
  if (!holds) throw std::logic_error(std::string("the object graph is inconsistent: ") + what);
}

void verify(const Graph& graph, std::size_t types) {
  const std::uint32_t n = graph.nodes();
  require_of_graph(graph.size.size() == n || graph.size.size() == 0, "a size for each object");
  for (const std::uint32_t t : graph.type) require_of_graph(t < types, "types that exist");
  if (graph.has_references()) {
    require_of_graph(graph.first_edge.size() == std::size_t{n} + 1, "a list of references for each object");
    require_of_graph(graph.first_edge.front() == 0 && graph.first_edge.back() == graph.referent.size(),
                     "lists that cover all references");
    require_of_graph(graph.edge_class.size() == graph.referent.size(), "a class for each reference");
    constexpr std::size_t kPiece = 1 << 16;
    parallel_for((std::size_t{n} + kPiece - 1) / kPiece, [&](std::size_t piece, unsigned) {
      for (std::size_t i = piece * kPiece; i < std::min<std::size_t>((piece + 1) * kPiece, n); ++i)
        require_of_graph(graph.first_edge[i] <= graph.first_edge[i + 1], "lists in order");
    });
    parallel_for((graph.referent.size() + kPiece - 1) / kPiece, [&](std::size_t piece, unsigned) {
      const std::size_t end = std::min((piece + 1) * kPiece, graph.referent.size());
      for (std::size_t i = piece * kPiece; i < end; ++i)
        require_of_graph(index(graph.referent[i]) < n, "references to objects that exist");
    });
  }
}

}  // namespace heapglass
