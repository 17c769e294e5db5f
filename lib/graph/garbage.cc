#include "lib/graph/garbage.h"

#include <algorithm>
#include <numeric>

namespace heapglass {
namespace {

// Disjoint sets of nodes, by index into an array.
class Sets {
 public:
  explicit Sets(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0u); }
  std::uint32_t find(std::uint32_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::uint32_t a, std::uint32_t b) { parent_[find(a)] = find(b); }

 private:
  std::vector<std::uint32_t> parent_;
};

}  // namespace

Garbage find_garbage(const Graph& graph, const GarbageOptions& options) {
  const std::uint32_t n = graph.nodes();
  auto each_edge = [&](std::uint32_t from, auto visit) {
    for (std::uint64_t e = graph.first_edge[from]; e < graph.first_edge[from + 1]; ++e)
      visit(index(graph.referent[e]), graph.edge_class[e]);
  };
  // subtract_refs: what is left of a count is held from outside of the lists.
  std::vector<std::uint64_t> left(n);
  for (std::uint32_t i = 0; i < n; ++i)
    if (options.collected[i]) left[i] = options.refcount(NodeId{i});
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!options.collected[i]) continue;
    each_edge(i, [&](std::uint32_t to, EdgeClass cls) {
      if (cls == EdgeClass::kVisited && options.collected[to] && left[to] > 0) --left[to];
    });
  }
  // move_unreachable: whatever is held, holds.
  std::vector<bool> reachable(n);
  std::vector<std::uint32_t> todo;
  for (std::uint32_t i = 0; i < n; ++i)
    if (options.collected[i] && (left[i] > 0 || options.immortal(NodeId{i}))) {
      reachable[i] = true;
      todo.push_back(i);
    }
  while (!todo.empty()) {
    const std::uint32_t i = todo.back();
    todo.pop_back();
    each_edge(i, [&](std::uint32_t to, EdgeClass cls) {
      if (cls != EdgeClass::kVisited || !options.collected[to] || reachable[to]) return;
      reachable[to] = true;
      todo.push_back(to);
    });
  }
  Garbage out;
  std::vector<bool> freed(n);
  for (std::uint32_t i = 0; i < n; ++i)
    if (options.collected[i] && !reachable[i]) {
      out.unreachable.push_back(NodeId{i});
      freed[i] = true;
      todo.push_back(i);
    }
  // What they alone hold goes with them, tracked or not.
  std::vector<std::uint64_t> taken(n);
  while (!todo.empty()) {
    const std::uint32_t i = todo.back();
    todo.pop_back();
    each_edge(i, [&](std::uint32_t to, EdgeClass cls) {
      if (cls == EdgeClass::kWeak || cls == EdgeClass::kGuess || freed[to]) return;
      if (++taken[to] < options.refcount(NodeId{to}) || options.immortal(NodeId{to})) return;
      freed[to] = true;
      todo.push_back(to);
    });
    if (options.takes_along)
      options.takes_along(NodeId{i}, [&](NodeId other) {
        if (freed[index(other)]) return;
        freed[index(other)] = true;
        todo.push_back(index(other));
      });
  }
  std::vector<std::uint32_t> place(n);
  for (std::uint32_t i = 0; i < n; ++i)
    if (freed[i]) {
      place[i] = static_cast<std::uint32_t>(out.freed.size());
      out.freed.push_back(NodeId{i});
    }
  Sets sets(out.freed.size());
  for (const NodeId node : out.freed)
    each_edge(index(node), [&](std::uint32_t to, EdgeClass cls) {
      if (cls != EdgeClass::kWeak && freed[to]) sets.join(place[index(node)], place[to]);
    });
  std::vector<std::uint32_t> component_of(out.freed.size(), ~0u);
  for (const NodeId node : out.freed) {
    std::uint32_t& c = component_of[sets.find(place[index(node)])];
    if (c == ~0u) {
      c = static_cast<std::uint32_t>(out.components.size());
      out.components.emplace_back();
    }
    out.components[c].nodes.push_back(node);
    out.components[c].bytes += graph.size[index(node)];
  }
  std::stable_sort(out.components.begin(), out.components.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return out;
}

}  // namespace heapglass
