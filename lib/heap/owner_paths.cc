#include "lib/heap/owner_paths.h"

#include <algorithm>
#include <unordered_map>

#include "lib/heap/holders.h"
#include "lib/python/describe.h"

namespace heapglass {
namespace {

// What keeps less than this part of the heap is called by its type alone: reading names takes its time.
constexpr std::uint64_t kSmallPart = 20'000;

class PathMaker {
 public:
  PathMaker(Labels& labels, const ObjectView& values, const Dominators& dominators, unsigned depth,
            std::uint64_t named_from)
      : labels_(labels), values_(values), dominators_(dominators), depth_(depth), named_from_(named_from) {
    const HeapGraph& graph = labels.graph();
    std::uint64_t total = 0;
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) total += graph.all_bytes(n);
    if (named_from_ == 0) named_from_ = total / kSmallPart;
    type_names_.assign(graph.types.size(), kNone);
  }

  OwnerPaths make() {
    const HeapGraph& graph = labels_.graph();
    std::vector<std::uint32_t> place(graph.nodes(), kNone);
    for (const NodeId n : dominators_.order()) {
      const NodeId holder = dominators_.dominator(n);
      const std::uint32_t above = holder == kNoNode ? kNone : place[index(holder)];
      const std::uint32_t at = place[index(n)] = below(above, name_of(n, holder));
      places_[at].bytes += graph.all_bytes(index(n));
      ++places_[at].objects;
    }
    OwnerPaths out{.names = std::move(names_)};
    for (std::uint32_t at = 0; at < places_.size(); ++at) {
      OwnerPath path{.bytes = places_[at].bytes, .objects = places_[at].objects};
      for (std::uint32_t up = at; up != kNone; up = places_[up].above) path.names.push_back(places_[up].name);
      std::reverse(path.names.begin(), path.names.end());
      out.paths.push_back(std::move(path));
    }
    return out;
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Place {
    std::uint32_t above = kNone, name = 0;
    unsigned depth = 1;
    std::uint64_t bytes = 0, objects = 0;
  };

  std::uint32_t intern(const std::string& name) {
    const auto [at, is_new] = ids_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (is_new) names_.push_back(name);
    return at->second;
  }

  std::uint32_t below(std::uint32_t above, std::uint32_t name) {
    if (above != kNone && (places_[above].name == name || places_[above].depth >= depth_)) return above;
    const auto [at, is_new] =
        known_.try_emplace(std::uint64_t{above} << 32 | name, static_cast<std::uint32_t>(places_.size()));
    if (is_new) places_.push_back({above, name, above == kNone ? 1 : places_[above].depth + 1});
    return at->second;
  }

  std::uint32_t type_name(NodeId n) {
    std::uint32_t& id = type_names_[labels_.graph().type[index(n)]];
    if (id == kNone) id = intern(plain_type(n));
    return id;
  }
  std::string plain_type(NodeId n) const {
    const std::string& name = labels_.type_of(n).name;
    return name.starts_with("builtins.") ? name.substr(9) : name;
  }

  std::uint32_t name_of(NodeId n, NodeId holder) {
    if (dominators_.retained_bytes(n) < named_from_) return type_name(n);
    const std::string described = describe_owner(labels_, values_, n);
    const std::string what = described.empty() ? plain_type(n) : described;
    const std::string label =
        holder == kNoNode || is_anonymous_collection(labels_, holder) ? std::string() : label_in(holder, n);
    if (label == "__dict__" || label.empty()) return intern(what);
    return intern(label + " (" + what + ")");
  }

  // What the holder calls it, where it refers to it itself: each holder's names are read once.
  std::string label_in(NodeId holder, NodeId n) {
    auto [at, is_new] = labels_of_.try_emplace(index(holder));
    if (is_new) {
      const bool in_namespace = labels_.is_namespace(holder);
      for (const Edge& e : labels_.references_of(holder)) {
        const NodeId to = labels_.graph().index->find(e.referent);
        if (to == kNoNode || dominators_.dominator(to) != holder || e.cls == EdgeClass::kWeak) continue;
        if ((e.kind == EdgeKind::kIndex || e.kind == EdgeKind::kUnknown || e.kind == EdgeKind::kKey) &&
            labels_.item_name(holder, e).empty())
          continue;
        at->second.try_emplace(index(to), labels_.reference_name(holder, e, in_namespace));
      }
    }
    const auto found = at->second.find(index(n));
    return found == at->second.end() ? std::string() : found->second;
  }

  Labels& labels_;
  const ObjectView& values_;
  const Dominators& dominators_;
  const unsigned depth_;
  std::uint64_t named_from_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::vector<std::uint32_t> type_names_;
  std::vector<Place> places_;
  std::unordered_map<std::uint64_t, std::uint32_t> known_;
  std::unordered_map<std::uint32_t, std::unordered_map<std::uint32_t, std::string>> labels_of_;
};

}  // namespace

std::string describe_owner(Labels& labels, const ObjectView& values, NodeId node) {
  if (labels.type_of(node).flags & kTpDictSubclass && labels.is_namespace(node))
    for (const NodeId holder : labels.referrers().of(node))
      if (labels.type_of(holder).body == TraverseRule::kModule)
        return describe_container(labels, values, holder);
  return describe_container(labels, values, node);
}

OwnerPaths owner_paths(Labels& labels, const ObjectView& values, const Dominators& dominators, unsigned depth,
                       std::uint64_t named_from) {
  return PathMaker(labels, values, dominators, depth, named_from).make();
}

}  // namespace heapglass
