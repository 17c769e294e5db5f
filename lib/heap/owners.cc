#include "lib/heap/owners.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/heap/holders.h"
#include "lib/heap/wrapped_containers.h"
#include "lib/python/describe.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kFewEntries = 8;  // of a dict with text keys that is a record of sorts
constexpr std::size_t kLargeLeaf = 4096;  // bytes from which a thing without references has a row of its own
constexpr std::uint32_t kDeepest = 6;     // names in a path
constexpr std::size_t kMostOwners = 1 << 19;
constexpr std::size_t kLongestOwnerName = 160;  // bytes; the target chooses its names

// "thread 4711: app.py:42 in handle" -> "thread in handle (app.py)"; others stay as they are.
std::string without_time(const std::string& holder) {
  const std::size_t file = holder.find(": "), in = holder.rfind(" in ");
  if (!holder.starts_with("thread ") || file == std::string::npos || in == std::string::npos || in < file)
    return holder.starts_with("thread ") ? "thread" : holder;
  const std::string place = holder.substr(file + 2, in - file - 2);
  return "thread in " + holder.substr(in + 4) + " (" + place.substr(0, place.rfind(':')) + ")";
}

class Finder {
 public:
  explicit Finder(const OwnersInput& input)
      : in_(input), labels_(input.labels), graph_(input.labels.graph()) {
    out_.of.assign(graph_.nodes(), Owner::kNone);
    for (std::size_t i = 0; i < graph_.roots.size(); ++i) {
      const GraphRoot& root = graph_.roots[i];
      const auto [at, is_new] = root_of_.try_emplace(index(root.node), i);
      if (!is_new && root.kind == RootKind::kFrame && graph_.roots[at->second].kind != RootKind::kFrame)
        at->second = i;
    }
  }

  Owners find() {
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n)
      if (in_.from_modules.starts_at(NodeId{n})) start_at_module(NodeId{n});
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n)
      if (!in_.from_modules.reaches(NodeId{n}) && in_.from_anywhere.starts_at(NodeId{n})) start_at(NodeId{n});
    // Names are given from the starts down; `open_` grows meanwhile.
    for (std::size_t i = 0; i < open_.size(); ++i) name_parts_of(open_[i]);
    give_the_rest();
    count();
    return std::move(out_);
  }

 private:
  struct Open {
    NodeId node;
    std::uint32_t owner, depth;
  };

  NodeId before(NodeId n) const {
    return in_.from_modules.reaches(n) ? in_.from_modules.before(n) : in_.from_anywhere.before(n);
  }
  std::uint32_t& owner_of(NodeId n) { return out_.of[index(n)]; }

  static std::string cut(std::string name) {
    if (name.size() <= kLongestOwnerName) return name;
    name.resize(kLongestOwnerName);
    while (!name.empty() && (static_cast<unsigned char>(name.back()) & 0xc0) == 0x80) name.pop_back();
    return name + "...";
  }

  std::uint32_t add(NodeId node, std::string path, std::uint32_t parent) {
    Owner owner{.path = std::move(path), .node = node, .parent = parent};
    if (node != kNoNode) {
      const std::string& type = labels_.type_of(node).name;
      owner.what = type.starts_with("builtins.") ? type.substr(9) : type;
    }
    out_.owners.push_back(std::move(owner));
    return static_cast<std::uint32_t>(out_.owners.size() - 1);
  }
  // One that is no object.
  std::uint32_t shared(const std::string& path) {
    const auto [at, is_new] = shared_.try_emplace(cut(path), 0);
    if (is_new) at->second = add(kNoNode, at->first, Owner::kNone);
    return at->second;
  }

  void start_at_module(NodeId n) {
    const std::string name = short_repr(labels_.types(), labels_.address(n), labels_.type_of(n), 200);
    owner_of(n) = add(n, name, Owner::kNone);
    open_.push_back({n, owner_of(n), 0});
  }

  void start_at(NodeId n) {
    if (std::string own = own_name(n); !own.empty()) {
      owner_of(n) = add(n, std::move(own), Owner::kNone);
      open_.push_back({n, owner_of(n), 0});
      return;
    }
    const auto root = root_of_.find(index(n));
    if (root == root_of_.end()) {
      owner_of(n) = shared("C code");
      return;
    }
    const GraphRoot& r = graph_.roots[root->second];
    const std::uint32_t holder = shared(without_time(r.holder));
    hang(n, r.guess ? std::string() : edge_label(labels_.types(), r.edge, true), {kNoNode, holder, 0});
  }

  // What is called by its own name wherever it hangs.
  std::string own_name(NodeId n) {
    const TypeInfo& type = labels_.type_of(n);
    if (!(type.flags & kTpTypeSubclass)) return {};
    const TypeInfo* const itself = labels_.types().get(labels_.address(n));
    return itself ? "class " + cut(itself->name) : std::string();
  }

  bool is_leaf(NodeId n) const { return graph_.referents(n).size() <= 1; }  // its type at most
  bool is_record(NodeId n) {
    if (!(labels_.type_of(n).flags & kTpDictSubclass)) return false;
    const auto length = in_.values.length(labels_.address(n));
    return length && *length <= kFewEntries;
  }

  // `n` is a part of `holder`, that calls it so.
  void hang(NodeId n, const std::string& label, const Open& holder) {
    const TypeInfo& type = labels_.type_of(n);
    if (std::string own = own_name(n); !own.empty()) {
      owner_of(n) = add(n, std::move(own), Owner::kNone);
      open_.push_back({n, owner_of(n), 1});
      return;
    }
    owner_of(n) = holder.owner;
    if (label == "__dict__" || type.name == "builtins.cell") {
      open_.push_back({n, holder.owner, holder.depth});
      return;
    }
    // What a WeakKeyDictionary or a UserDict keeps in its dict it is called by itself.
    if (label == "data" && wrapper_of(labels_, n).node != kNoNode) {
      Owner& owner = out_.owners[holder.owner];
      owner.collection = !is_record(n);
      owner.entries = in_.values.length(labels_.address(n));
      if (!owner.collection) open_.push_back({n, holder.owner, holder.depth});
      return;
    }
    // The bytes object that an io.BytesIO writes to is a part of it, and of no name.
    if (holder.node != kNoNode && graph_.size[index(holder.node)] != graph_.size.own(index(holder.node)) &&
        is_leaf(n))
      return;
    const bool collection = is_anonymous_collection(labels_, n);
    const bool leaf = is_leaf(n) && !collection;
    if (label.empty() || holder.depth >= kDeepest || out_.owners.size() >= kMostOwners ||
        (leaf && std::max(graph_.all_bytes(index(n)), graph_.size[index(n)]) < kLargeLeaf) ||
        type.name == "builtins.code")
      return;
    // The links of a list or tree are parts of it, and none of them a thing of its own.
    if (holder.node != kNoNode && labels_.type_of(holder.node).address == type.address && !collection) return;
    const Owner& above = out_.owners[holder.owner];
    std::string path = above.path;
    if (above.node == kNoNode) {
      path += ": " + cut(label);
    } else {
      path += cut(label.starts_with('[') ? label : "." + label);
    }
    owner_of(n) = add(n, std::move(path), holder.owner);
    Owner& owner = out_.owners.back();
    owner.collection = collection && !is_record(n);
    owner.entries = in_.values.length(labels_.address(n));
    if (!owner.collection) open_.push_back({n, owner_of(n), holder.depth + 1});
  }

  void name_parts_of(const Open holder) {
    const bool names = labels_.is_namespace(holder.node);
    // Kept there only as long as nobody asks for other references.
    const std::vector<Edge> edges = labels_.references_of(holder.node);
    for (const Edge& edge : edges) {
      if (edge.cls == EdgeClass::kWeak) continue;
      const NodeId n = graph_.index->find(edge.referent);
      if (n == kNoNode || owner_of(n) != Owner::kNone || before(n) != holder.node) continue;
      hang(n, edge.kind == EdgeKind::kDict ? "__dict__" : labels_.reference_name(holder.node, edge, names),
           holder);
    }
  }

  // Everything else is its holder's.
  void give_the_rest() {
    std::uint32_t nobody = Owner::kNone;
    std::vector<NodeId> path;
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n) {
      path.clear();
      NodeId at{n};
      for (; at != kNoNode && owner_of(at) == Owner::kNone; at = before(at)) path.push_back(at);
      if (path.empty()) continue;
      std::uint32_t owner;
      if (at != kNoNode) {
        owner = owner_of(at);
      } else {
        if (nobody == Owner::kNone) nobody = shared(std::string(kGarbageOwner));
        owner = nobody;
      }
      for (const NodeId each : path) owner_of(each) = owner;
    }
  }

  void count() {
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n) {
      Owner& owner = out_.owners[out_.of[n]];
      ++owner.objects;
      owner.bytes += graph_.all_bytes(n);
    }
  }

  const OwnersInput& in_;
  Labels& labels_;
  const HeapGraph& graph_;
  Owners out_;
  std::vector<Open> open_;
  std::map<std::string, std::uint32_t> shared_;
  std::map<std::uint32_t, std::size_t> root_of_;
};

}  // namespace

Owners find_owners(const OwnersInput& input) { return Finder(input).find(); }

}  // namespace heapglass
