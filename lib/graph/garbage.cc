#include "lib/graph/garbage.h"

#include <algorithm>
#include <numeric>
#include <utility>

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

// A collection of the graph, step by step; the steps have the names that they have in CPython.
class Collection {
 public:
  Collection(const Graph& graph, const GarbageOptions& options)
      : graph_(graph),
        options_(options),
        nodes_(graph.nodes()),
        reachable_(nodes_),
        freed_(nodes_),
        place_(nodes_) {}

  void move_unreachable();
  void free_with_unreachable();
  void join_components();
  Garbage result() { return std::move(out_); }

 private:
  template <class Visit>
  void each_edge(std::uint32_t from, Visit visit) const {
    for (std::uint64_t e = graph_.first_edge[from]; e < graph_.first_edge[from + 1]; ++e)
      visit(index(graph_.referent[e]), graph_.edge_class[e]);
  }
  std::vector<std::uint64_t> subtract_refs() const;
  void free_node(std::uint32_t i) {
    freed_[i] = true;
    todo_.push_back(i);
  }

  const Graph& graph_;
  const GarbageOptions& options_;
  const std::uint32_t nodes_;
  std::vector<bool> reachable_, freed_;
  std::vector<std::uint32_t> todo_, place_;  // place_: by node, its index in out_.freed
  Garbage out_;
};

// What is left of each count comes from outside of the lists.
std::vector<std::uint64_t> Collection::subtract_refs() const {
  std::vector<std::uint64_t> left(nodes_);
  for (std::uint32_t i = 0; i < nodes_; ++i)
    if (options_.collected[i]) left[i] = options_.refcount(NodeId{i});
  for (std::uint32_t i = 0; i < nodes_; ++i) {
    if (!options_.collected[i]) continue;
    each_edge(i, [&](std::uint32_t to, EdgeClass cls) {
      if (cls == EdgeClass::kVisited && options_.collected[to] && left[to] > 0) --left[to];
    });
  }
  return left;
}

// What a reachable object refers to is reachable.
void Collection::move_unreachable() {
  const std::vector<std::uint64_t> left = subtract_refs();
  for (std::uint32_t i = 0; i < nodes_; ++i)
    if (options_.collected[i] && (left[i] > 0 || options_.immortal(NodeId{i}))) {
      reachable_[i] = true;
      todo_.push_back(i);
    }
  while (!todo_.empty()) {
    const std::uint32_t i = todo_.back();
    todo_.pop_back();
    each_edge(i, [&](std::uint32_t to, EdgeClass cls) {
      if (cls != EdgeClass::kVisited || !options_.collected[to] || reachable_[to]) return;
      reachable_[to] = true;
      todo_.push_back(to);
    });
  }
}

// An object whose last references come from freed objects is freed with them, tracked or not.
void Collection::free_with_unreachable() {
  for (std::uint32_t i = 0; i < nodes_; ++i)
    if (options_.collected[i] && !reachable_[i]) {
      out_.unreachable.push_back(NodeId{i});
      free_node(i);
    }
  std::vector<std::uint64_t> taken(nodes_);
  while (!todo_.empty()) {
    const std::uint32_t i = todo_.back();
    todo_.pop_back();
    each_edge(i, [&](std::uint32_t to, EdgeClass cls) {
      if (cls == EdgeClass::kWeak || cls == EdgeClass::kGuess || freed_[to]) return;
      if (++taken[to] < options_.refcount(NodeId{to}) || options_.immortal(NodeId{to})) return;
      free_node(to);
    });
    if (options_.takes_along)
      options_.takes_along(NodeId{i}, [&](NodeId other) {
        if (!freed_[index(other)]) free_node(index(other));
      });
  }
  for (std::uint32_t i = 0; i < nodes_; ++i)
    if (freed_[i]) {
      place_[i] = static_cast<std::uint32_t>(out_.freed.size());
      out_.freed.push_back(NodeId{i});
    }
}

void Collection::join_components() {
  Sets sets(out_.freed.size());
  for (const NodeId node : out_.freed)
    each_edge(index(node), [&](std::uint32_t to, EdgeClass cls) {
      if (cls != EdgeClass::kWeak && freed_[to]) sets.join(place_[index(node)], place_[to]);
    });
  std::vector<std::uint32_t> component_of(out_.freed.size(), ~0u);
  for (const NodeId node : out_.freed) {
    std::uint32_t& c = component_of[sets.find(place_[index(node)])];
    if (c == ~0u) {
      c = static_cast<std::uint32_t>(out_.components.size());
      out_.components.emplace_back();
    }
    out_.components[c].nodes.push_back(node);
    out_.components[c].bytes += graph_.all_bytes(index(node));
  }
  std::stable_sort(out_.components.begin(), out_.components.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
}

}  // namespace

Garbage find_garbage(const Graph& graph, const GarbageOptions& options) {
  Collection collection(graph, options);
  collection.move_unreachable();
  collection.free_with_unreachable();
  collection.join_components();
  return collection.result();
}

}  // namespace heapglass
