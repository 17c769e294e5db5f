#include "lib/heap/common_holders.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lib/heap/holders.h"

namespace heapglass {
namespace {

class HolderSearch {
 public:
  HolderSearch(Labels& labels, const Dominators& dominators, std::span<const NodeId> objects)
      : labels_(labels), dominators_(dominators), objects_(objects) {
    for (const NodeId n : objects) asked_.insert(index(n));
    for (const GraphRoot& root : labels.graph().roots)
      if (root.kind == RootKind::kFrame && !root.guess) of_frames_.insert(index(root.node));
  }

  std::vector<CommonHolder> find() {
    for (const NodeId n : objects_) climb(n);
    std::vector<CommonHolder> out;
    out.reserve(counts_.size());
    for (const auto& [node, count] : counts_) out.push_back(count);
    std::sort(out.begin(), out.end(), [](const CommonHolder& a, const CommonHolder& b) {
      return a.objects != b.objects ? a.objects > b.objects : index(a.node) < index(b.node);
    });
    return out;
  }

 private:
  static constexpr int kHighest = 7;
  static constexpr std::size_t kMostVisited = 200, kFewReferents = 16;
  static constexpr int kFarthest = 64;

  bool is_below(NodeId n, NodeId above) const {
    for (int i = 0; i < kFarthest && n != kNoNode; ++i, n = dominators_.dominator(n))
      if (n == above) return true;
    return false;
  }

  // Where the climb ends: what is a place of its own.
  bool is_place(NodeId n) const {
    const TypeInfo& type = labels_.type_of(n);
    if (type.body == TraverseRule::kModule || type.flags & kTpTypeSubclass ||
        type.body == TraverseRule::kFrame || type.body == TraverseRule::kLruCache ||
        type.name == "functools._lru_cache_wrapper")
      return true;
    if (type.flags & kTpDictSubclass && labels_.is_namespace(n)) {
      // Functions refer to that of their module, all of them.
      for (const NodeId holder : labels_.referrers().of(n))
        if (labels_.type_of(holder).body == TraverseRule::kModule) return true;
      return false;
    }
    return labels_.graph().referents(n).size() > kFewReferents && is_anonymous_collection(labels_, n);
  }

  // A collection that is nothing but a member of another: the other one is the place.
  NodeId outermost(NodeId n) const {
    for (int i = 0; i < kHighest; ++i) {
      const NodeId above = dominators_.dominator(n);
      if (above == kNoNode) break;
      const TypeInfo& type = labels_.type_of(above);
      const bool wrapper = type.name == "functools._lru_cache_wrapper";
      if (!wrapper && !is_anonymous_collection(labels_, above)) break;
      n = above;
    }
    return n;
  }

  bool refers_strongly(NodeId holder, NodeId held) const {
    const HeapGraph& g = labels_.graph();
    const std::uint64_t first = g.first_edge[index(holder)], end = g.first_edge[index(holder) + 1];
    // Only weak reference objects refer weakly, and those have few references.
    if (end - first > kFewReferents) return true;
    for (std::uint64_t e = first; e < end; ++e)
      if (g.referent[e] == held && g.edge_class[e] != EdgeClass::kWeak) return true;
    return false;
  }

  void climb(NodeId object) {
    std::vector<std::pair<NodeId, int>> open{{object, 0}};
    std::unordered_set<std::uint32_t> seen{index(object)}, places;
    for (std::size_t at = 0; at < open.size() && seen.size() < kMostVisited; ++at) {
      const auto [n, height] = open[at];
      const auto referrers = labels_.referrers().of(n);
      for (std::size_t i = 0; i < std::min(referrers.size(), kMostVisited); ++i) {
        const NodeId r = referrers[i];
        if (!seen.insert(index(r)).second || !refers_strongly(r, n)) continue;
        if (r != n && is_below(r, object)) continue;
        // Other objects of those that are asked about are in the same place, and say nothing new.
        if (asked_.count(index(r))) continue;
        if (is_place(r))
          places.insert(index(outermost(r)));
        else if (height < kHighest)
          open.emplace_back(r, height + 1);
      }
      if (of_frames_.count(index(n))) places.insert(index(n));
    }
    for (const std::uint32_t place : places) {
      CommonHolder& holder = counts_.try_emplace(place, CommonHolder{NodeId{place}}).first->second;
      ++holder.objects;
      holder.alone += is_below(object, NodeId{place});
    }
  }

  Labels& labels_;
  const Dominators& dominators_;
  const std::span<const NodeId> objects_;
  std::unordered_set<std::uint32_t> asked_, of_frames_;
  std::unordered_map<std::uint32_t, CommonHolder> counts_;
};

}  // namespace

std::vector<CommonHolder> find_common_holders(Labels& labels, const Dominators& dominators,
                                              std::span<const NodeId> objects) {
  return HolderSearch(labels, dominators, objects).find();
}

}  // namespace heapglass
