#include "lib/leaks/same_objects.h"

#include <algorithm>

#include "lib/heap/common_holders.h"
#include "lib/leaks/members.h"

namespace heapglass {
namespace {

// Those who lead to at least half of its objects, and neither are it nor in it nor above it.
std::vector<CommonHolder> others_of(const LeakSearch& search, const Suspect& s) {
  constexpr int kFarthest = 64;
  std::vector<CommonHolder> others;
  const auto is_below = [&](NodeId n, NodeId above) {
    for (int i = 0; i < kFarthest && n != kNoNode; ++i, n = search.dominators().dominator(n))
      if (n == above) return true;
    return false;
  };
  for (const CommonHolder& holder :
       find_common_holders(search.labels(), search.dominators(), s.kept_objects)) {
    if (holder.objects * 2 < s.kept_objects.size()) break;
    const TypeInfo& type = search.type_of(holder.node);
    if (type.body == TraverseRule::kModule || type.flags & kTpTypeSubclass) continue;
    if (is_below(holder.node, s.node) || is_below(s.node, holder.node)) continue;
    if (search.is_reached(holder.node)) others.push_back(holder);
  }
  return others;
}

void tell_others(const LeakSearch& search, Suspect& s, const std::vector<CommonHolder>& others) {
  constexpr std::size_t kMostTold = 3;
  for (std::size_t i = 0; i < std::min(others.size(), kMostTold); ++i)
    s.held_also_by.push_back(search.owner_of(search.path_to(others[i].node)));
  for (const CommonHolder& other : others) s.other_holders.push_back(other.node);
  constexpr std::string_view kElsewhere = "; most of what is in it is held elsewhere too";
  if (const std::size_t at = s.evidence.find(kElsewhere); at != std::string::npos)
    s.evidence.erase(at, kElsewhere.size());
  s.evidence += "; the same objects are held by ";
  for (std::size_t i = 0; i < s.held_also_by.size(); ++i)
    s.evidence += (i == 0 ? "" : i + 1 == s.held_also_by.size() ? " and " : ", ") + s.held_also_by[i];
  s.evidence +=
      " too, and freed only when " + std::string(others.size() > 1 ? "all" : "both") + " have dropped them";
}

}  // namespace

void join_those_of_same_objects(const LeakSearch& search, Suspects& found) {
  std::stable_sort(found.begin(), found.end(), [](const Suspect& a, const Suspect& b) {
    return a.certainty * static_cast<double>(a.bytes) > b.certainty * static_cast<double>(b.bytes);
  });
  std::vector<bool> joined(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (joined[i] || found[i].kept_objects.size() < kManyAlike) continue;
    const std::vector<CommonHolder> others = others_of(search, found[i]);
    if (others.empty()) continue;
    for (const CommonHolder& other : others)
      for (std::size_t j = i + 1; j < found.size(); ++j)
        if (found[j].node == other.node && found[j].bytes / 2 < found[i].bytes &&
            !found[j].kept_objects.empty())
          joined[j] = true;
    tell_others(search, found[i], others);
  }
  std::size_t i = 0;
  std::erase_if(found, [&](const Suspect&) { return joined[i++]; });
}

}  // namespace heapglass
