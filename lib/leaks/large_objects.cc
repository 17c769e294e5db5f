// What keeps a tenth of the heap and is no suspect of another pattern: a single block, a chain, an object
// with much behind it. Whether that is too much only the program's author knows; that it is there is told.
#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "lib/leaks/alike_members.h"
#include "lib/leaks/cures.h"
#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kLargePart = 10;
constexpr std::uint64_t kFewestLargeBytes = 1'000'000;

bool is_plain_container(const TypeInfo& type) {
  return type.name == "builtins.tuple" || type.name == "builtins.list" || type.name == "builtins.dict";
}

// Objects of a class, the library's objects that go through others or call them, and containers: (value,
// before).
bool may_be_link(const TypeInfo& type) {
  if (is_plain_container(type)) return true;
  if (type.name.starts_with("itertools.") || type.name.starts_with("functools.")) return true;
  return type.flags & kTpHeapType && !(type.flags & kTpTypeSubclass);
}

class LargeObjects {
 public:
  LargeObjects(const LeakSearch& search, const Suspects& found)
      : search_(search),
        dominators_(search.dominators()),
        much_(std::max(kFewestLargeBytes, search.heap_bytes() / kLargePart)),
        reported_(search.graph().nodes()) {
    for (const Suspect& s : found) {
      if (explains_its_node(search, s)) reported_[index(s.node)] = true;
      for (const NodeId n : s.covers) reported_[index(n)] = true;
    }
    // What has a few suspects in it that are most of it says nothing more. Of many parts the whole is told.
    constexpr int kFarthest = 1000;
    constexpr std::size_t kFewParts = 3;
    std::unordered_map<std::uint32_t, std::uint64_t> suspected;
    for (const Suspect& s : found)
      if (s.node != kNoNode) {
        std::uint64_t& bytes = suspected[index(s.node)];
        bytes = std::max(bytes, s.bytes);
      }
    std::unordered_map<std::uint32_t, std::array<std::uint64_t, kFewParts>>
        told;  // by object: the largest in it
    for (const auto& [n, bytes] : suspected) {
      NodeId above = dominators_.dominator(NodeId{n});
      // One in another is told with that.
      for (int i = 0; i < kFarthest && above != kNoNode && suspected.count(index(above)) == 0;
           ++i, above = dominators_.dominator(above)) {
        auto& parts = told[index(above)];
        auto& least = *std::min_element(parts.begin(), parts.end());
        least = std::max(least, bytes);
      }
    }
    for (const auto& [n, parts] : told)
      if (is_most(std::accumulate(parts.begin(), parts.end(), std::uint64_t{0}),
                  dominators_.retained_bytes(NodeId{n})))
        explained_.insert(n);
    // What a reported object keeps is reported with it, however long the chain.
    for (const NodeId n : dominators_.order())
      if (const NodeId above = dominators_.dominator(n); above != kNoNode && reported_[index(above)])
        reported_[index(n)] = true;
  }

  // How many there are in a chain of objects of one class that begins with this one; 0: not so many.
  std::uint32_t chain_length(NodeId n) const {
    const auto at = lengths_.find(n);
    return at == lengths_.end() ? 0 : at->second;
  }

  // The objects at which a tenth of the heap spreads into parts each of which keeps less, and long chains.
  std::vector<NodeId> find() {
    std::map<std::uint32_t, std::uint64_t> rest;  // by object: what no part that is itself large keeps
    std::vector<NodeId> large;
    for (const NodeId n : dominators_.order()) {
      const std::uint64_t kept = dominators_.retained_bytes(n);
      if (kept < much_) continue;
      large.push_back(n);
      rest[index(n)] = kept;
      if (const NodeId above = dominators_.dominator(n); above != kNoNode) rest[index(above)] -= kept;
    }
    std::vector<NodeId> out;
    for (const NodeId n : large)
      if (rest[index(n)] >= much_) {
        const NodeId named = start_of(n);
        if (!reported_[index(named)] && explained_.count(index(named)) == 0 && !search_.is_structure(named) &&
            search_.is_reached(named))
          out.push_back(named);
      }
    const std::vector<NodeId> chains = long_chains();
    std::erase_if(out, [&](NodeId n) { return is_of_chain(n); });
    for (const NodeId n : chains)
      if (!reported_[index(n)] && explained_.count(index(n)) == 0 && search_.is_reached(n)) out.push_back(n);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

 private:
  // What the first of a long chain has its next in: the arguments of a partial.
  bool is_of_chain(NodeId n) const {
    constexpr int kSteps = 3;
    NodeId above = n;
    for (int i = 0; i < kSteps && above != kNoNode; ++i) {
      above = dominators_.dominator(above);
      if (above != kNoNode && lengths_.count(above))
        return is_most(dominators_.retained_bytes(n), dominators_.retained_bytes(above));
    }
    return false;
  }

  // The first of objects of one class each of which keeps the next: no program needs hundreds of them, and
  // they are told long before they are a tenth of the heap.
  std::vector<NodeId> long_chains() {
    constexpr std::uint32_t kMany = 500;
    constexpr int kSteps = 3;  // from one of the chain to the next: its dict, a tuple
    constexpr std::uint64_t kFewest = 65'536, kPart = 100;  // of the heap
    const std::uint64_t fewest = std::max(kFewest, search_.heap_bytes() / kPart);
    const HeapGraph& graph = search_.graph();
    struct Link {
      NodeId first = kNoNode;
      std::uint32_t number = 0;
    };
    std::vector<Link> links(graph.nodes());
    std::vector<bool> can_be(graph.types.size());
    for (std::size_t t = 0; t < can_be.size(); ++t) can_be[t] = may_be_link(*graph.types[t].info);
    for (const NodeId n : dominators_.order()) {
      if (!can_be[graph.type[index(n)]]) continue;
      NodeId above = n;
      bool follows = false;
      for (int i = 0; i < kSteps && !follows && above != kNoNode; ++i) {
        above = dominators_.dominator(above);
        // No link itself is what a program hangs in: a namespace among dicts.
        follows = above != kNoNode && graph.type[index(above)] == graph.type[index(n)] &&
                  links[index(above)].number > 0;
      }
      // No chain that is told begins there.
      if (!follows && dominators_.retained_bytes(n) < fewest) continue;
      if (search_.is_structure(n)) continue;
      Link& link = links[index(n)];
      link = follows ? Link{links[index(above)].first, links[index(above)].number + 1} : Link{n, 1};
      if (link.number >= kMany) lengths_[link.first] = std::max(lengths_[link.first], link.number);
    }
    // The dicts and tuples of links that are objects are no chain of their own.
    std::erase_if(lengths_, [&](const auto& chain) {
      return is_plain_container(search_.type_of(chain.first)) &&
             (search_.labels().is_namespace(chain.first) || is_of_chain(chain.first));
    });
    std::vector<NodeId> out;
    for (const auto& [first, length] : lengths_)
      if (dominators_.retained_bytes(first) >= fewest) out.push_back(first);
    return out;
  }

  // The object that a namespace is of, and of a chain of alike objects its first. Collections that stand in
  // each other are a chain where several follow each other and have little besides.
  NodeId start_of(NodeId n) const {
    constexpr int kLongest = 100'000'000, kSeveral = 3;
    constexpr std::uint64_t kLittle = 8;  // one part in so many
    NodeId start = n;
    if (search_.labels().is_namespace(n) && dominators_.dominator(n) != kNoNode)
      start = dominators_.dominator(n);
    // That of an io.BytesIO is the bytes object which it writes to.
    if (const NodeId above = dominators_.dominator(start);
        above != kNoNode && search_.graph().size[index(above)] != search_.graph().size.own(index(above)))
      start = above;
    if (const NodeId stream = stream_of_parts(search_, start); stream != kNoNode) start = stream;
    const TypeInfo* const type = &search_.type_of(start);
    if (search_.is_structure(start)) return start;
    NodeId at = start, first = start;
    const bool of_collections = is_growing_container(*type);
    int since = 0, links = 0;
    constexpr int kSteps = 3;  // from one of the chain to the next: its dict, a tuple
    for (int i = 0; i < kLongest && since <= kSteps; ++i, ++since) {
      at = dominators_.dominator(at);
      if (at == kNoNode || search_.is_structure(at)) break;
      if (&search_.type_of(at) != type) continue;
      if (of_collections &&
          dominators_.retained_bytes(at) - dominators_.retained_bytes(first) > much_ / kLittle)
        break;
      first = at;
      since = 0;
      ++links;
    }
    return !of_collections || links >= kSeveral ? first : start;
  }

  const LeakSearch& search_;
  const Dominators& dominators_;
  const std::uint64_t much_;
  std::unordered_set<std::uint32_t> explained_;
  std::vector<bool> reported_;               // by node: a suspect, or kept by one
  std::map<NodeId, std::uint32_t> lengths_;  // of long chains, by their first
};

struct Inside {
  std::map<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>> by_type;  // objects, bytes
};

// Of each of `objects`: what it keeps, by type.
std::vector<Inside> look_inside(const LeakSearch& search, const std::vector<NodeId>& objects) {
  constexpr std::uint8_t kNobodys = 0xff;
  std::vector<std::uint8_t> whose(search.graph().nodes(), kNobodys);
  for (std::size_t i = 0; i < objects.size() && i < kNobodys; ++i)
    whose[index(objects[i])] = static_cast<std::uint8_t>(i);
  std::vector<Inside> inside(objects.size());
  for (const NodeId n : search.dominators().order()) {
    std::uint8_t& mine = whose[index(n)];
    const NodeId above = search.dominators().dominator(n);
    if (mine == kNobodys && above != kNoNode) mine = whose[index(above)];
    if (mine == kNobodys) continue;
    auto& [count, bytes] = inside[mine].by_type[search.graph().type[index(n)]];
    ++count;
    bytes += search.graph().all_bytes(index(n));
  }
  return inside;
}

std::string words_of(const LeakSearch& search, NodeId n, const Inside& inside) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  order.reserve(inside.by_type.size());
  for (const auto& [type, sums] : inside.by_type) order.emplace_back(sums.second, type);
  std::sort(order.rbegin(), order.rend());
  const std::uint64_t objects = search.dominators().retained_objects(n);
  if (objects == 1) return "a single object";
  std::string text = "it keeps " + format_count(objects) + " objects alive, most of it ";
  constexpr std::size_t kMost = 3;
  for (std::size_t i = 0; i < std::min(kMost, order.size()); ++i) {
    const std::string& name = search.graph().types[order[i].second].name;
    text += (i ? ", " : "") + format_count(inside.by_type.at(order[i].second).first) + " " +
            (name.starts_with("builtins.") ? name.substr(9) : name);
  }
  return text;
}

}  // namespace

void find_large_objects(const LeakSearch& search, Suspects& found) {
  LargeObjects large(search, found);
  const std::vector<NodeId> objects = large.find();
  if (objects.empty()) return;
  const std::vector<Inside> inside = look_inside(search, objects);
  std::vector<FoundSuspect> candidates;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const NodeId n = objects[i];
    Suspect s{.pattern = "large-object", .node = n, .bytes = search.dominators().retained_bytes(n)};
    s.objects = search.dominators().retained_objects(n);
    std::vector<NodeId> path = search.path_to(n);
    s.certainty = 0.5;
    const Origin origin = search.origin_of(path);
    if (origin != Origin::kApplication) s.certainty *= origin == Origin::kStandard ? 0.2 : 0.4;
    const auto length = search.values().length(search.address(n));
    s.evidence = search.type_name(n) +
                 (length && is_growing_container(search.type_of(n))
                      ? " of " + format_count(*length, "entry", "entries")
                      : "") +
                 ": " + words_of(search, n, inside[i]);
    const std::uint32_t chain = large.chain_length(n);
    if (chain)
      s.evidence += "; it is the first of a chain of " + format_count(chain) + " " + search.type_name(n) +
                    ", each of which keeps the next";
    s.owner = search.owner_of(path);
    const KnownCure* const known = find_cure(search, path, s.owner, members_of(search, n));
    if (known && known->says) s.evidence += std::string("; ") + known->says;
    s.cure =
        known ? known->cure
        : chain
            ? "Each new one refers to the one before: drop that reference when it is no longer needed, keep "
              "the last few "
              "in a collections.deque(maxlen=N), or let a wrapper replace the wrapper before and not "
              "wrap it."
            : "Whether so much is wanted the program's author knows: heapglass retained tells what is in it, "
              "and heapglass leaks --every 1m whether it grows. Where it is not, drop the reference when it "
              "is "
              "done with, or keep less of it.";
    candidates.push_back({std::move(s), std::move(path)});
  }
  join_alike_members(search, candidates);
  for (FoundSuspect& each : candidates) found.push_back(std::move(each.suspect));
}

}  // namespace heapglass
