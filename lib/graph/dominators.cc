#include "lib/graph/dominators.h"

namespace heapglass {
namespace {

constexpr std::uint32_t kNotMet = ~std::uint32_t{0};

// Numbers are those of the depth-first search: 0 is what is outside, the objects follow from 1.
class Search {
 public:
  Search(const Graph& graph, const std::vector<bool>& held)
      : graph_(graph), number_(graph.nodes(), kNotMet), parent_(1, 0) {
    order_.reserve(graph.nodes());
    parent_.reserve(graph.nodes() + 1);
    for (std::uint32_t n = 0; n < graph.nodes(); ++n)
      if (held[n] && number_[n] == kNotMet) from(NodeId{n});
    const std::size_t reached = order_.size();
    for (std::uint32_t n = 0; n < graph.nodes(); ++n)
      if (number_[n] == kNotMet) {
        starts_.push_back(static_cast<std::uint32_t>(order_.size() + 1));
        from(NodeId{n});
      }
    unreached_ = order_.size() - reached;
  }

  std::uint64_t reached() const { return order_.size() - unreached_; }  // numbers up to this are no garbage

  const Graph& graph_;
  std::vector<std::uint32_t> number_;  // by node
  std::vector<NodeId> order_;          // by number - 1
  std::vector<std::uint32_t> parent_;  // by number
  std::vector<std::uint32_t> starts_;  // numbers of the objects that garbage hangs from
  std::uint64_t unreached_ = 0;

 private:
  struct Open {
    std::uint32_t number;
    std::uint64_t edge, end;
  };
  void meet(NodeId n, std::uint32_t parent) {
    order_.push_back(n);
    const auto number = static_cast<std::uint32_t>(order_.size());
    number_[index(n)] = number;
    parent_.push_back(parent);
    open_.push_back({number, graph_.first_edge[index(n)], graph_.first_edge[index(n) + 1]});
  }
  void from(NodeId start) {
    meet(start, 0);
    while (!open_.empty()) {
      Open& top = open_.back();
      if (top.edge == top.end) {
        open_.pop_back();
        continue;
      }
      const std::uint64_t e = top.edge++;
      const NodeId to = graph_.referent[e];
      if (graph_.edge_class[e] != EdgeClass::kWeak && number_[index(to)] == kNotMet) meet(to, top.number);
    }
  }
  std::vector<Open> open_;
};

// The numbers of those that refer to each number.
struct Predecessors {
  std::vector<std::uint64_t> first;
  std::vector<std::uint32_t> number;

  explicit Predecessors(const Search& s) : first(s.order_.size() + 2) {
    auto each = [&](auto visit) {
      for (std::uint32_t v = 1; v <= s.order_.size(); ++v) {
        const std::uint32_t n = index(s.order_[v - 1]);
        for (std::uint64_t e = s.graph_.first_edge[n]; e < s.graph_.first_edge[n + 1]; ++e)
          if (s.graph_.edge_class[e] != EdgeClass::kWeak) {
            const std::uint32_t to = s.number_[index(s.graph_.referent[e])];
            // Garbage keeps nothing alive but garbage.
            if (v <= s.reached() || to > s.reached()) visit(v, to);
          }
      }
    };
    each([&](std::uint32_t, std::uint32_t to) { ++first[to + 1]; });
    for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
    number.resize(first.back());
    std::vector<std::uint64_t> next(first.begin(), first.end() - 1);
    each([&](std::uint32_t from, std::uint32_t to) { number[next[to]++] = from; });
  }
};

class SemiNca {
 public:
  explicit SemiNca(const Search& s)
      : ancestor_(s.parent_), semi_(s.parent_.size()), label_(s.parent_.size()) {
    for (std::uint32_t v = 0; v < semi_.size(); ++v) semi_[v] = label_[v] = v;
  }
  // Of v among those linked so far, which are all from `linked` on: the vertex of least semidominator on the
  // way up. RootPaths are shortened as they are gone.
  std::uint32_t evaluate(std::uint32_t v, std::uint32_t linked) {
    if (ancestor_[v] < linked) return label_[v];
    do {
      path_.push_back(v);
      v = ancestor_[v];
    } while (ancestor_[v] >= linked);
    std::uint32_t above = v, best = label_[v];
    while (!path_.empty()) {
      v = path_.back();
      path_.pop_back();
      ancestor_[v] = ancestor_[above];
      if (semi_[best] < semi_[label_[v]]) {
        label_[v] = best;
      } else {
        best = label_[v];
      }
      above = v;
    }
    return label_[v];
  }
  std::vector<std::uint32_t> ancestor_, semi_, label_;

 private:
  std::vector<std::uint32_t> path_;
};

}  // namespace

Dominators::Dominators(const Graph& graph, const std::vector<bool>& held)
    : dominator_(graph.nodes(), kNoNode), bytes_(graph.nodes()), objects_(graph.nodes()) {
  Search search(graph, held);
  unreached_ = search.unreached_;
  const auto count = static_cast<std::uint32_t>(search.order_.size());
  std::vector<bool> outside(count + 1);  // held by number 0 itself
  for (std::uint32_t v = 1; v <= count; ++v) outside[v] = held[index(search.order_[v - 1])];
  for (const std::uint32_t v : search.starts_) outside[v] = true;
  std::vector<std::uint32_t> dominator = search.parent_;
  {
    const Predecessors before(search);
    SemiNca work(search);
    for (std::uint32_t w = count; w > 0; --w) {
      std::uint32_t least = outside[w] ? 0 : search.parent_[w];
      for (std::uint64_t p = before.first[w]; p < before.first[w + 1] && least > 0; ++p) {
        const std::uint32_t u = work.semi_[work.evaluate(before.number[p], w + 1)];
        if (u < least) least = u;
      }
      work.semi_[w] = least;
    }
    for (std::uint32_t w = 1; w <= count; ++w)
      while (dominator[w] > work.semi_[w]) dominator[w] = dominator[dominator[w]];
  }
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
    bytes_[n] = graph.all_bytes(n);
    objects_[n] = 1;
  }
  for (std::uint32_t w = count; w > 0; --w) {
    if (dominator[w] == 0) continue;
    const std::uint32_t n = index(search.order_[w - 1]), d = index(search.order_[dominator[w] - 1]);
    dominator_[n] = NodeId{d};
    bytes_[d] += bytes_[n];
    objects_[d] += objects_[n];
  }
  order_ = std::move(search.order_);
}

std::vector<std::uint64_t> Dominators::retained_by(const Graph& graph, std::span<const std::uint32_t> row_of,
                                                   std::uint32_t rows) const {
  // The nearest dominator of the same row, if any, is found by walking the tree with the rows of the way at
  // hand.
  std::vector<std::uint64_t> bytes(rows);
  std::vector<std::uint32_t> on_path(rows);
  std::vector<std::uint32_t> first(order_.size() + 2);
  std::vector<std::uint32_t> child(order_.size());
  const std::uint32_t outside = static_cast<std::uint32_t>(order_.size());
  auto holder = [&](NodeId n) { return dominator(n) == kNoNode ? outside : index(dominator(n)); };
  for (const NodeId n : order_) ++first[holder(n) + 1];
  for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
  for (const NodeId n : order_) child[next[holder(n)]++] = index(n);
  struct Open {
    std::uint32_t node, at;
  };
  std::vector<Open> path{{outside, first[outside]}};
  while (!path.empty()) {
    Open& top = path.back();
    if (top.at == first[top.node + 1]) {
      if (top.node != outside) --on_path[row_of[graph.type[top.node]]];
      path.pop_back();
      continue;
    }
    const std::uint32_t n = child[top.at++];
    const std::uint32_t row = row_of[graph.type[n]];
    if (on_path[row]++ == 0) bytes[row] += bytes_[n];
    path.push_back({n, first[n]});
  }
  return bytes;
}

}  // namespace heapglass
