#include "lib/leaks/alike_members.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_set>

#include "lib/heap/holders.h"
#include "lib/leaks/members.h"

namespace heapglass {
namespace {

constexpr std::size_t kSeveral = 3;

// Where in its path the last collection before the candidate itself stands; kNowhere: there is none.
constexpr std::size_t kNowhere = ~std::size_t{0};
std::size_t collection_in(const LeakSearch& search, const std::vector<NodeId>& path) {
  for (std::size_t i = path.size(); i-- > 1;)
    if (is_anonymous_collection(search.labels(), path[i - 1]) && !search.is_structure(path[i - 1]))
      return i - 1;
  return kNowhere;
}

// The candidates that stand in members of one type of a collection, as far below these, and are of one type.
struct Place {
  NodeId collection{};
  Address member_type{}, type{};
  std::size_t depth = 0;
  bool operator<(const Place& other) const {
    return std::tie(collection, member_type, type, depth) <
           std::tie(other.collection, other.member_type, other.type, other.depth);
  }
};

class Joiner {
 public:
  Joiner(const LeakSearch& search, std::vector<FoundSuspect>& found)
      : search_(search), found_(found), dropped_(found.size()) {}

  void join() {
    std::map<Place, std::vector<std::size_t>> places;
    std::map<std::uint32_t, std::size_t> by_node;
    for (std::size_t i = 0; i < found_.size(); ++i) {
      by_node.emplace(index(found_[i].suspect.node), i);
      const std::vector<NodeId>& path = found_[i].path;
      const std::size_t at = collection_in(search_, path);
      if (at != kNowhere)
        places[{path[at], search_.type_of(path[at + 1]).address, search_.type_of(path.back()).address,
                path.size() - at}]
            .push_back(i);
    }
    std::vector<FoundSuspect> joined;
    for (auto& [place, candidates] : places) {
      const std::uint64_t all = sum_of(candidates);
      const std::uint64_t most = found_[candidates[0]].suspect.bytes;
      const auto outer = by_node.find(index(place.collection));
      const std::uint64_t of_outer = outer == by_node.end() ? 0 : found_[outer->second].suspect.bytes;
      if (outer != by_node.end() && is_most(most, of_outer)) dropped_[outer->second] = true;
      if (candidates.size() < kSeveral) continue;
      if (is_most(most, all)) {
        drop_small(candidates, most);
      } else if (count_members(place, candidates) >= kSeveral) {
        if (outer != by_node.end()) dropped_[outer->second] = true;
        joined.push_back(about_collection(place, candidates));
      }
    }
    std::size_t i = 0;
    std::erase_if(found_, [&](const FoundSuspect&) { return dropped_[i++]; });
    for (FoundSuspect& each : joined) found_.push_back(std::move(each));
  }

 private:
  // Puts the one that keeps most first.
  std::uint64_t sum_of(std::vector<std::size_t>& candidates) const {
    std::stable_sort(candidates.begin(), candidates.end(), [&](std::size_t a, std::size_t b) {
      return found_[a].suspect.bytes > found_[b].suspect.bytes;
    });
    std::uint64_t all = 0;
    for (const std::size_t i : candidates) all += found_[i].suspect.bytes;
    return all;
  }

  void drop_small(const std::vector<std::size_t>& candidates, std::uint64_t most) {
    constexpr std::uint64_t kSmall = 8;
    for (const std::size_t i : candidates)
      if (found_[i].suspect.bytes < most / kSmall) dropped_[i] = true;
  }

  NodeId member_of(const Place& place, const FoundSuspect& candidate) const {
    return candidate.path[candidate.path.size() - place.depth + 1];
  }

  std::size_t count_members(const Place& place, const std::vector<std::size_t>& candidates) const {
    std::unordered_set<std::uint32_t> members;
    for (const std::size_t i : candidates) members.insert(index(member_of(place, found_[i])));
    return members.size();
  }

  // "; 8 of them keep most of it, in their weights: ['m0'] 5,000,057 bytes, ['m1'] 5,000,057 bytes, ...; the
  // first: ..."
  std::string members_in_words(const Place& place, const std::vector<std::size_t>& candidates) const {
    constexpr std::size_t kMostNamed = 3;
    const FoundSuspect& first = found_[candidates[0]];
    std::string text = "; " + format_count(candidates.size()) + " of them keep most of it";
    if (place.depth > 2) {
      const std::string inner = search_.owner_of(first.path);
      const std::string member = search_.owner_of(
          {first.path.begin(), first.path.end() - static_cast<std::ptrdiff_t>(place.depth - 2)});
      if (inner.starts_with(member) && inner.size() > member.size())
        text += ", in their " + inner.substr(member.size() + (inner[member.size()] == '.'));
    }
    for (std::size_t i = 0; i < std::min(kMostNamed, candidates.size()); ++i) {
      const NodeId member = member_of(place, found_[candidates[i]]);
      std::string name;
      for (const Labels::Label& label : search_.labels().between(place.collection, member))
        if (name.empty()) name = label.text;
      text += (i ? ", " : ": ") + (name.empty() ? search_.type_name(member) : name) + " " +
              format_count(found_[candidates[i]].suspect.bytes) + " bytes";
    }
    return text + (candidates.size() > kMostNamed ? ", ..." : "") + "; the first: " + first.suspect.evidence;
  }

  FoundSuspect about_collection(const Place& place, const std::vector<std::size_t>& candidates) {
    const FoundSuspect& first = found_[candidates[0]];
    const std::vector<NodeId> members = members_of(search_, place.collection);
    FoundSuspect out{first.suspect,
                     {first.path.begin(), first.path.end() - static_cast<std::ptrdiff_t>(place.depth - 1)}};
    Suspect& s = out.suspect;
    s.node = place.collection;
    s.owner = search_.owner_of(out.path);
    s.bytes = std::max(kept_by_contents(search_, place.collection, members).bytes, first.suspect.bytes);
    s.retained = 0;
    const std::uint64_t entries = search_.values().length(search_.address(s.node)).value_or(members.size());
    s.evidence = container_name(search_, s.node) + " of " + format_count(entries, "entry", "entries") + ", " +
                 contents_in_words(search_, s.node) + members_in_words(place, candidates);
    s.objects = 0;
    s.examples.clear();
    std::unordered_set<std::uint32_t> alike;
    for (const std::size_t i : candidates) {
      s.objects += found_[i].suspect.objects;
      s.certainty = std::max(s.certainty, found_[i].suspect.certainty);
      s.covers.push_back(found_[i].suspect.node);
      if (s.examples.size() < kSeveral) s.examples.push_back(found_[i].suspect.node);
      dropped_[i] = true;
    }
    // One of its members that is reached on another path, too.
    for (const NodeId n : members)
      if (search_.type_of(n).address == place.member_type) alike.insert(index(n));
    for (std::size_t i = 0; i < found_.size(); ++i)
      for (const NodeId n : found_[i].path)
        if (alike.count(index(n)) && search_.type_of(found_[i].path.back()).address == place.type)
          dropped_[i] = true;
    return out;
  }

  const LeakSearch& search_;
  std::vector<FoundSuspect>& found_;
  std::vector<bool> dropped_;
};

}  // namespace

void join_alike_members(const LeakSearch& search, std::vector<FoundSuspect>& found) {
  Joiner(search, found).join();
}

}  // namespace heapglass
