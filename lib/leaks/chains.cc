#include "lib/leaks/chains.h"

namespace heapglass {

Chains::Chains(const LeakSearch& search, const std::vector<NodeId>& nodes) {
  // By node: the outermost of its chain; kNoNode: not looked for yet.
  std::unordered_map<std::uint32_t, NodeId> top_of;
  for (const NodeId n : nodes) top_of.emplace(index(n), kNoNode);
  // From one to the next: a traceback, a frame, its dict; a closure, a cell.
  constexpr int kFarthest = 6;
  const auto above = [&](NodeId n) {
    NodeId at = search.dominators().dominator(n);
    for (int i = 0; i < kFarthest && at != kNoNode; ++i, at = search.dominators().dominator(at))
      if (top_of.count(index(at))) return at;
    return kNoNode;
  };
  std::vector<NodeId> climb;
  for (const NodeId n : nodes) {
    climb.clear();
    NodeId top = n;
    while (top_of[index(top)] == kNoNode) {
      climb.push_back(top);
      const NodeId next = above(top);
      if (next == kNoNode) break;
      top = next;
    }
    if (top_of[index(top)] != kNoNode) top = top_of[index(top)];
    for (const NodeId each : climb) top_of[index(each)] = top;
    if (top == n) outermost_.push_back(n);
    ++length_[index(top)];
  }
}

}  // namespace heapglass
