#include "lib/report/share_tree.h"

#include <algorithm>
#include <unordered_map>

#include "lib/heap/owner_paths.h"
#include "lib/render/json.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr std::uint32_t kNoPlace = ~std::uint32_t{0};
constexpr std::size_t kLongestPlaceName = 200;  // columns

std::string without_builtins(const std::string& type) {
  return type.starts_with("builtins.") ? type.substr(9) : type;
}

// A tree that grows name by name; the first place is the top.
class ShareTreeMaker {
 public:
  ShareTreeMaker() { tree_.places.push_back({name("all objects"), 0, 0, 0}); }

  std::uint32_t name(const std::string& text) {
    const auto [at, is_new] = names_.try_emplace(text, static_cast<std::uint32_t>(tree_.names.size()));
    if (is_new) tree_.names.push_back(text);
    return at->second;
  }
  std::uint32_t below(std::uint32_t parent, std::uint32_t name) {
    const auto [at, is_new] = known_.try_emplace(std::uint64_t{parent} << 32 | name,
                                                 static_cast<std::uint32_t>(tree_.places.size()));
    if (is_new) tree_.places.push_back({name, parent, 0, 0});
    return at->second;
  }
  void add(std::uint32_t place, std::uint64_t bytes, std::uint64_t objects) {
    tree_.places[place].bytes += bytes;
    tree_.places[place].objects += objects;
  }

  // The largest places, each with the bytes of all that is below it.
  ShareTree take(std::size_t most) {
    auto& places = tree_.places;
    for (std::size_t i = places.size(); i-- > 1;) add(places[i].parent, places[i].bytes, places[i].objects);
    // A place is never larger than its parent, so the largest ones have their parents among them; what is
    // as large as the last of them is decided by its order.
    std::vector<std::uint32_t> order(places.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    const std::size_t shown = std::min(std::max<std::size_t>(most, 1), order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                      [&](std::uint32_t a, std::uint32_t b) {
                        return places[a].bytes != places[b].bytes ? places[a].bytes > places[b].bytes : a < b;
                      });
    order.resize(shown);
    std::sort(order.begin(), order.end());
    ShareTree out{.left_out = places.size() - shown};
    std::vector<std::uint32_t> now(places.size(), kNoPlace), names(tree_.names.size(), kNoPlace);
    for (const std::uint32_t i : order) {
      ShareTree::Place place = places[i];
      if (names[place.name] == kNoPlace) {
        names[place.name] = static_cast<std::uint32_t>(out.names.size());
        out.names.push_back(cut_middle(tree_.names[place.name], kLongestPlaceName, "…"));
      }
      place.name = names[place.name];
      place.parent = i == 0 ? 0 : now[place.parent];
      now[i] = static_cast<std::uint32_t>(out.places.size());
      out.places.push_back(place);
    }
    return out;
  }

 private:
  ShareTree tree_;
  std::unordered_map<std::string, std::uint32_t> names_;
  std::unordered_map<std::uint64_t, std::uint32_t> known_;
};

// Chains of what keeps what alive, by type, from an owner down; equal ones are one.
class HolderChains {
 public:
  struct Chain {
    std::uint32_t type = 0;          // of the object at its end
    std::uint32_t above = kNoPlace;  // kNoPlace: nobody alone keeps that object
    std::uint32_t owner = 0;         // of the object at its beginning
    std::uint32_t length = 1;
    std::uint64_t bytes = 0, objects = 0;  // of the objects that stand at its end
  };

  explicit HolderChains(const Heap& heap) {
    const HeapGraph& graph = heap.graph();
    const Dominators& dominators = heap.dominators();
    const Owners& owners = heap.owners();
    std::vector<std::uint32_t> chain_of(graph.nodes(), kNoPlace);
    for (const NodeId n : dominators.order()) {
      const NodeId keeper = dominators.dominator(n);
      const std::uint32_t above = keeper == kNoNode ? kNoPlace : chain_of[index(keeper)];
      const std::uint32_t at = chain_of[index(n)] = intern(graph.type[index(n)], above, owners.of[index(n)]);
      chains_[at].bytes += graph.all_bytes(index(n));
      ++chains_[at].objects;
    }
  }
  const std::vector<Chain>& chains() const { return chains_; }

 private:
  static constexpr std::uint32_t kLongest = 40;    // a linked list of two types in turn would go on
  static constexpr std::size_t kMost = 4'000'000;  // behind these an object stands at its owner alone

  std::uint32_t intern(std::uint32_t type, std::uint32_t above, std::uint32_t owner) {
    // Objects of one type that hold each other, as in a linked list, are one.
    if (above != kNoPlace && chains_[above].type == type) return above;
    if (above != kNoPlace && chains_[above].length >= kLongest) above = chains_[above].above;
    if (chains_.size() >= kMost) above = kNoPlace;
    auto& known = above == kNoPlace ? tops_ : below_;
    const std::uint64_t key = std::uint64_t{above == kNoPlace ? owner : above} << 32 | type;
    const auto [at, is_new] = known.try_emplace(key, static_cast<std::uint32_t>(chains_.size()));
    if (is_new)
      chains_.push_back(above == kNoPlace ? Chain{.type = type, .owner = owner}
                                          : Chain{.type = type,
                                                  .above = above,
                                                  .owner = chains_[above].owner,
                                                  .length = chains_[above].length + 1});
    return at->second;
  }

  std::vector<Chain> chains_;
  std::unordered_map<std::uint64_t, std::uint32_t> tops_, below_;
};

}  // namespace

ShareTree dominator_shares(const Heap& heap, std::size_t most) {
  constexpr unsigned kDeepest = 16;
  const OwnerPaths paths = owner_paths(heap.labels(), heap.view(), heap.dominators(), kDeepest);
  ShareTreeMaker maker;
  for (const OwnerPath& path : paths.paths) {
    std::uint32_t at = 0;
    for (const std::uint32_t name : path.names) at = maker.below(at, maker.name(paths.names[name]));
    maker.add(at, path.bytes, path.objects);
  }
  return maker.take(most);
}

ShareTree type_shares(const Heap& heap, std::size_t most) {
  constexpr unsigned kMostHolders = 6;  // between the object and its owner
  const HeapGraph& graph = heap.graph();
  const HolderChains chains(heap);
  ShareTreeMaker maker;
  std::vector<std::uint32_t> type_names, owner_names;
  for (const GraphType& type : graph.types) type_names.push_back(maker.name(without_builtins(type.name)));
  for (const Owner& owner : heap.owners().owners)
    owner_names.push_back(maker.name("owner " + (owner.path.empty() ? "unknown" : owner.path)));
  for (const HolderChains::Chain& chain : chains.chains()) {
    if (chain.objects == 0) continue;
    std::uint32_t at = maker.below(0, type_names[chain.type]);
    unsigned holders = 0;
    for (std::uint32_t up = chain.above; up != kNoPlace && holders < kMostHolders;
         up = chains.chains()[up].above) {
      at = maker.below(at, type_names[chains.chains()[up].type]);
      ++holders;
    }
    maker.add(maker.below(at, owner_names[chain.owner]), chain.bytes, chain.objects);
  }
  return maker.take(most);
}

std::string json_of(const ShareTree& tree) {
  std::string text = "{\"names\": [";
  for (std::size_t i = 0; i < tree.names.size(); ++i) text += (i ? ", " : "") + json_string(tree.names[i]);
  const auto column = [&](const char* key, auto value) {
    text += std::string("], \"") + key + "\": [";
    for (std::size_t i = 0; i < tree.places.size(); ++i)
      text += (i ? "," : "") + std::to_string(value(tree.places[i]));
  };
  column("name", [](const ShareTree::Place& place) { return place.name; });
  column("parent", [](const ShareTree::Place& place) { return place.parent; });
  column("bytes", [](const ShareTree::Place& place) { return place.bytes; });
  column("objects", [](const ShareTree::Place& place) { return place.objects; });
  return text + "], \"left_out\": " + std::to_string(tree.left_out) + "}";
}

}  // namespace heapglass
