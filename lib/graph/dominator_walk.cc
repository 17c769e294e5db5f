#include "lib/graph/dominator_walk.h"

#include <algorithm>

namespace heapglass {

DominatorWalk::DominatorWalk(const Graph& graph, const Dominators& dominators)
    : dominators_(dominators), first_(std::uint64_t{graph.nodes()} + 2) {
  const std::uint32_t n = graph.nodes();
  const auto holder = [&](std::uint32_t i) {
    const NodeId d = dominators.dominator(NodeId{i});
    return d == kNoNode ? n : index(d);
  };
  for (std::uint32_t i = 0; i < n; ++i) ++first_[std::uint64_t{holder(i)} + 1];
  for (std::uint64_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
  kept_.resize(n);
  std::vector<std::uint64_t> next(first_.begin(), first_.end() - 1);
  for (std::uint32_t i = 0; i < n; ++i) kept_[next[holder(i)]++] = NodeId{i};
}

std::vector<NodeId> DominatorWalk::retained_by_set(NodeId n) const {
  const std::uint64_t holder = n == kNoNode ? first_.size() - 2 : index(n);
  std::vector<NodeId> out(kept_.begin() + static_cast<std::ptrdiff_t>(first_[holder]),
                          kept_.begin() + static_cast<std::ptrdiff_t>(first_[holder + 1]));
  std::stable_sort(out.begin(), out.end(), [&](NodeId a, NodeId b) {
    return dominators_.retained_bytes(a) > dominators_.retained_bytes(b);
  });
  return out;
}

std::vector<DominatorWalk::Step> DominatorWalk::walk(const std::vector<NodeId>& starts, unsigned depth,
                                                     std::size_t most) const {
  std::vector<Step> out;
  std::vector<Step> todo;  // the next one last
  const auto put = [&](const std::vector<NodeId>& nodes, unsigned at) {
    const std::size_t shown = most ? std::min(most, nodes.size()) : nodes.size();
    Step rest{kNoNode, at, nodes.size() - shown, 0};
    for (std::size_t i = shown; i < nodes.size(); ++i) rest.bytes += dominators_.retained_bytes(nodes[i]);
    if (rest.more) todo.push_back(rest);
    for (std::size_t i = shown; i-- > 0;)
      todo.push_back({nodes[i], at, 0, dominators_.retained_bytes(nodes[i])});
  };
  put(starts, 0);
  while (!todo.empty()) {
    const Step step = todo.back();
    todo.pop_back();
    out.push_back(step);
    if (step.node != kNoNode && step.depth < depth) put(retained_by_set(step.node), step.depth + 1);
  }
  return out;
}

}  // namespace heapglass
