#include "lib/graph/root_paths.h"

#include <algorithm>
#include <map>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace heapglass {
namespace {

// What a start of the next list is further away than every start of this one; no path is as long.
constexpr std::uint32_t kNextList = 1u << 30;

}  // namespace

RootPaths::RootPaths(const Graph& graph, const Referrers& referrers, RootPathOptions options)
    : graph_(graph),
      referrers_(referrers),
      options_(std::move(options)),
      distance_(graph.nodes(), kFar),
      before_(graph.nodes(), kNoNode) {
  for (std::uint32_t list = 0; list < options_.starts.size(); ++list)
    spread(options_.starts[list], list * kNextList);
}

void RootPaths::spread(const std::vector<NodeId>& starts, std::uint32_t first) {
  std::vector<NodeId> now, next;
  auto meet = [&](NodeId n, NodeId from, std::uint32_t distance, std::vector<NodeId>& into) {
    if (distance_[index(n)] != kFar || (options_.avoid && options_.avoid(n))) return;
    distance_[index(n)] = distance;
    before_[index(n)] = from;
    into.push_back(n);
  };
  for (const NodeId n : starts) meet(n, kNoNode, first, now);
  for (std::uint32_t distance = first + 1; !now.empty(); ++distance) {
    next.clear();
    for (const NodeId n : now)
      for (std::uint64_t e = graph_.first_edge[index(n)]; e < graph_.first_edge[index(n) + 1]; ++e)
        if (graph_.edge_class[e] != EdgeClass::kWeak) meet(graph_.referent[e], n, distance, next);
    std::swap(now, next);
  }
}

std::vector<NodeId> RootPaths::shortest(NodeId to) const {
  std::vector<NodeId> path;
  if (!reaches(to)) return path;
  for (NodeId n = to; n != kNoNode; n = before(n)) path.push_back(n);
  std::reverse(path.begin(), path.end());
  return path;
}

// Only weak reference objects refer weakly, and those have few references.
bool RootPaths::holds_strongly(NodeId holder, NodeId held) const {
  constexpr std::uint64_t kFew = 64;
  const std::uint64_t first = graph_.first_edge[index(holder)], last = graph_.first_edge[index(holder) + 1];
  if (last - first > kFew) return true;
  for (std::uint64_t e = first; e < last; ++e)
    if (graph_.referent[e] == held && graph_.edge_class[e] != EdgeClass::kWeak) return true;
  return false;
}

// Backwards from the object, always on with the path that is shortest in all: what is left to a start is
// known.
std::vector<std::vector<NodeId>> RootPaths::shortest(NodeId to, std::size_t count) const {
  struct Step {
    NodeId node;
    std::uint32_t next;    // the step after it, towards the object; kFar at the object
    std::uint32_t length;  // references from here to the object
    bool detour;           // it went away from the starts somewhere
  };
  std::vector<std::vector<NodeId>> paths;
  if (!reaches(to) || count == 0) return paths;
  std::vector<Step> steps{{to, kFar, 0, false}};
  using Open = std::pair<std::uint64_t, std::uint32_t>;  // length in all, index into steps
  std::priority_queue<Open, std::vector<Open>, std::greater<>> open;
  open.push({distance_[index(to)], 0});
  std::unordered_map<std::uint32_t, std::size_t> visits;
  constexpr std::size_t kMostSteps = 4'000'000;
  while (!open.empty() && paths.size() < count && steps.size() < kMostSteps) {
    const std::uint32_t at = open.top().second;
    open.pop();
    const Step step = steps[at];
    if (visits[index(step.node)]++ >= count) continue;
    if (starts_at(step.node)) {
      std::vector<NodeId> path;
      for (std::uint32_t s = at; s != kFar; s = steps[s].next) path.push_back(steps[s].node);
      paths.push_back(std::move(path));
      continue;
    }
    std::vector<NodeId> nearest;
    for (const NodeId h : referrers_.of(step.node))
      if (reaches(h) && h != step.node) nearest.push_back(h);
    // Near ones first; the one on the shortest path before the others, and each once.
    std::sort(nearest.begin(), nearest.end(), [&](NodeId a, NodeId b) {
      const auto key = [&](NodeId n) {
        return std::tuple(distance_[index(n)], n != before(step.node), index(n));
      };
      return key(a) < key(b);
    });
    nearest.erase(std::unique(nearest.begin(), nearest.end()), nearest.end());
    std::size_t taken = 0;
    for (const NodeId h : nearest) {
      if (taken == count) break;
      const bool detour = step.detour || distance_[index(h)] >= distance_[index(step.node)];
      bool met = false;
      if (detour)
        for (std::uint32_t s = at; s != kFar && !met; s = steps[s].next) met = steps[s].node == h;
      if (met || !holds_strongly(h, step.node)) continue;
      if (h != before(step.node) && options_.redundant && options_.redundant(h, step.node)) continue;
      ++taken;
      steps.push_back({h, at, step.length + 1, detour});
      open.push({std::uint64_t{step.length} + 1 + distance_[index(h)],
                 static_cast<std::uint32_t>(steps.size() - 1)});
    }
  }
  return paths;
}

std::vector<RootPaths::Group> RootPaths::groups(
    const std::vector<NodeId>& targets, const std::function<bool(NodeId)>& is_anonymous_collection) const {
  // A class of objects: one object, or those of one type that hang from one class.
  struct Class {
    bool single = true;
    std::uint32_t depth = 0, merged_at = 0;
  };
  std::vector<Class> classes;
  std::unordered_map<std::uint32_t, std::uint32_t> class_of;  // by node
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> merged;
  std::unordered_map<std::uint32_t, bool> collections;
  std::vector<NodeId> climb;
  auto classify = [&](NodeId target) {
    climb.clear();
    NodeId n = target;
    for (; n != kNoNode && !class_of.count(index(n)); n = before(n)) climb.push_back(n);
    for (std::size_t i = climb.size(); i-- > 0;) {
      const NodeId node = climb[i], holder = before(node);
      auto add = [&](bool single, std::uint32_t depth, std::uint32_t merged_at) {
        classes.push_back({single, depth, merged_at});
        return static_cast<std::uint32_t>(classes.size() - 1);
      };
      if (holder == kNoNode) {
        class_of[index(node)] = add(true, 0, kFar);
        continue;
      }
      const std::uint32_t above = class_of[index(holder)];
      bool together = !classes[above].single;
      if (!together) {
        const auto [known, is_new] = collections.try_emplace(index(holder), false);
        if (is_new) known->second = is_anonymous_collection(holder);
        together = known->second;
      }
      const std::uint32_t depth = classes[above].depth + 1;
      if (!together) {
        class_of[index(node)] = add(true, depth, kFar);
        continue;
      }
      const auto [at, is_new] = merged.try_emplace({above, graph_.type[index(node)]}, 0);
      if (is_new) at->second = add(false, depth, classes[above].single ? depth : classes[above].merged_at);
      class_of[index(node)] = at->second;
    }
    return class_of[index(target)];
  };
  std::unordered_map<std::uint32_t, Group> by_class;
  for (const NodeId target : targets) {
    if (!reaches(target)) continue;
    const std::uint32_t c = classify(target);
    const auto [at, is_new] = by_class.try_emplace(c);
    if (is_new) at->second = {target, 0, 0, std::min(classes[c].merged_at, classes[c].depth + 1)};
    ++at->second.objects;
    at->second.bytes += graph_.all_bytes(index(target));
  }
  std::vector<Group> groups;
  groups.reserve(by_class.size());
  for (const auto& [c, group] : by_class) groups.push_back(group);
  std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return a.objects != b.objects ? a.objects > b.objects : index(a.example) < index(b.example);
  });
  return groups;
}

}  // namespace heapglass
