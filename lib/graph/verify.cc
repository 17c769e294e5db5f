#include "lib/graph/verify.h"

#include <algorithm>
#include <stdexcept>

#include "lib/base/parallel.h"

namespace heapglass {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(std::string("the object graph is inconsistent: ") + what);
}

}  // namespace

void verify(const HeapGraph& graph) {
  const std::uint32_t n = graph.nodes();
  require(graph.type.size() == n, "a type for each object");
  require(graph.size.size() == n || graph.size.size() == 0, "a size for each object");
  for (const std::uint32_t t : graph.type) require(t < graph.types.size(), "types that exist");
  for (std::size_t t = 1; t < graph.types.size(); ++t)
    require(graph.types[t - 1].name <= graph.types[t].name, "types in order of name");
  if (graph.has_references()) {
    require(graph.first_edge.size() == std::size_t{n} + 1, "a list of references for each object");
    require(graph.first_edge.front() == 0 && graph.first_edge.back() == graph.referent.size(),
            "lists that cover all references");
    require(graph.edge_class.size() == graph.referent.size(), "a class for each reference");
    constexpr std::size_t kPiece = 1 << 16;
    parallel_for((std::size_t{n} + kPiece - 1) / kPiece, [&](std::size_t piece, unsigned) {
      for (std::size_t i = piece * kPiece; i < std::min<std::size_t>((piece + 1) * kPiece, n); ++i)
        require(graph.first_edge[i] <= graph.first_edge[i + 1], "lists in order");
    });
    parallel_for((graph.referent.size() + kPiece - 1) / kPiece, [&](std::size_t piece, unsigned) {
      const std::size_t end = std::min((piece + 1) * kPiece, graph.referent.size());
      for (std::size_t i = piece * kPiece; i < end; ++i)
        require(index(graph.referent[i]) < n, "references to objects that exist");
    });
  }
  for (const GraphRoot& root : graph.roots) require(index(root.node) < n, "roots that exist");
  // Address to id and back, for a thousand of them.
  for (std::uint32_t i = 0, step = n / 1000 + 1; i < n; i += step)
    require(graph.index->find(graph.index->address(NodeId{i})) == NodeId{i}, "addresses that lead back");
}

}  // namespace heapglass
