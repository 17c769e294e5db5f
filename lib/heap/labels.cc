#include "lib/heap/labels.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "lib/heap/wrapped_containers.h"
#include "lib/python/describe.h"
#include "lib/python/own_dict.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

// The references of one object, kept.
class Collected final : public EdgeSink {
 public:
  std::vector<Edge> edges;

 private:
  void take(const Edge* e, std::size_t count) override { edges.insert(edges.end(), e, e + count); }
};

// What a weak reference leads to, where the key is one.
Address weak_key(TypeTable& types, Address key) {
  const Objects& o = types.objects();
  const TypeInfo* type = types.get(o.type_of(key));
  if (!type || !(type->name == "weakref.ReferenceType" || type->name == "builtins.weakref")) return {};
  return o.pointer(key, o.layout().PyWeakReference.wr_object);
}

}  // namespace

const std::vector<Edge>& Labels::references_of(NodeId n) {
  const auto [at, is_new] = edges_.try_emplace(index(n));
  if (is_new) {
    Collected sink;
    const TypeInfo& type = type_of(n);
    references_.visit(address(n), type, sink);
    if (type.resolution == Resolution::kUnknown)
      references_.scan(address(n), type, sink);
    else
      references_.words(address(n), type, sink);
    sink.drain();
    at->second = std::move(sink.edges);
    add_told(n, at->second);
  }
  return at->second;
}

void Labels::add_told(NodeId n, std::vector<Edge>& edges) const {
  // References that the graph has and the layouts do not tell: the object's own code has told them, nobody
  // can name them.
  const std::uint64_t first = graph_.first_edge[index(n)];
  const std::span<const NodeId> referents = graph_.referents(n);
  const auto classes = std::span(graph_.edge_class).subspan(first, referents.size());
  const auto is_guess = [](const Edge& e) { return e.cls == EdgeClass::kGuess; };
  if (std::any_of(edges.begin(), edges.end(), is_guess)) {
    std::unordered_set<std::uint64_t> guessed;
    for (std::size_t i = 0; i < referents.size(); ++i)
      if (classes[i] == EdgeClass::kGuess) guessed.insert(value(address(referents[i])));
    std::erase_if(edges, [&](const Edge& e) { return is_guess(e) && guessed.count(value(e.referent)) == 0; });
  }
  // What the layouts tell is in the graph. A container of a million items is rarely asked about, but then for
  // the label of one of them.
  const auto told = std::count(classes.begin(), classes.end(), EdgeClass::kVisited);
  const auto is_visited = [](const Edge& e) { return e.cls == EdgeClass::kVisited; };
  if (std::count_if(edges.begin(), edges.end(), is_visited) == told) return;
  std::unordered_set<std::uint64_t> named;
  for (const Edge& e : edges)
    if (is_visited(e)) named.insert(value(e.referent));
  for (std::size_t i = 0; i < referents.size(); ++i) {
    if (classes[i] != EdgeClass::kVisited) continue;
    const Address a = address(referents[i]);
    if (named.insert(value(a)).second) edges.push_back({a, 0, EdgeKind::kUnknown, EdgeClass::kVisited});
  }
}

bool Labels::is_namespace(NodeId n) {
  if (!(type_of(n).flags & kTpDictSubclass)) return false;
  const auto [at, is_new] = namespaces_.try_emplace(index(n), false);
  if (!is_new) return at->second;
  const Objects& o = types_.objects();
  const Address a = address(n);
  for (const NodeId holder : referrers_.of(n)) {
    const TypeInfo& type = type_of(holder);
    if (type.body == TraverseRule::kModule) {
      if (o.pointer(address(holder), o.layout().PyModuleObject.md_dict) != a) continue;
    } else if (type.flags & kTpTypeSubclass) {
      if (types_.type_dict(address(holder)) != a) continue;
    } else {
      if (!has_own_dict(o, address(holder), type)) continue;
      const std::vector<Edge>& edges = references_of(holder);
      if (std::none_of(edges.begin(), edges.end(),
                       [&](const Edge& e) { return e.referent == a && leads_to_own_dict(e); }))
        continue;
    }
    return namespaces_[index(n)] = true;
  }
  return false;
}

Address Labels::closure_names(NodeId tuple, std::int64_t& first) {
  const Objects& o = types_.objects();
  const PyLayout& l = o.layout();
  for (const NodeId holder : referrers_.of(tuple)) {
    const TypeInfo& type = type_of(holder);
    if (type.name != "builtins.function") continue;
    if (named_field(o, address(holder), type, "func_closure") != address(tuple)) continue;
    const Address code = o.pointer(address(holder), l.PyFunctionObject.func_code);
    const auto& c = l.PyCodeObject;
    first = 0;
    if (c.co_localsplusnames == kAbsent) return o.pointer(code, c.co_freevars);
    // 3.11+: one tuple of all names, the free ones last.
    const Address names = o.pointer(code, c.co_localsplusnames);
    first = (is_null(names) ? 0 : o.ob_size(names)) - o.ob_size(address(tuple));
    return names;
  }
  return {};
}

void Labels::forget() {
  edges_ = {};
  by_referent_ = {};
  namespaces_ = {};
}

// The references of one holder to one referent, in the order that it has them: gone through where it has few
// or is asked for few, else looked up in an order that is made once.
class Labels::ReferencesTo {
 public:
  ReferencesTo(Labels& labels, NodeId holder, Address referent) : edges_(labels.references_of(holder)) {
    // To make the order takes as long as going through them some ten times.
    constexpr std::size_t kMany = 64;
    constexpr std::uint32_t kOften = 8;
    OrderOfReferences* const kept = edges_.size() < kMany ? nullptr : &labels.by_referent_[index(holder)];
    if (!kept || ++kept->lookups < kOften) {
      for (std::uint32_t i = 0; i < edges_.size(); ++i)
        if (edges_[i].referent == referent) few_.push_back(i);
      found_ = few_.data();
      count_ = few_.size();
      return;
    }
    std::vector<std::uint32_t>& order = kept->order;
    if (order.empty()) {
      order.resize(edges_.size());
      std::iota(order.begin(), order.end(), 0u);
      std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return edges_[a].referent < edges_[b].referent;
      });
    }
    const auto before = [&](std::uint32_t e, Address a) { return edges_[e].referent < a; };
    const auto from = std::lower_bound(order.begin(), order.end(), referent, before);
    const auto to = std::lower_bound(from, order.end(), referent + 1, before);
    found_ = order.data() + (from - order.begin());
    count_ = static_cast<std::size_t>(to - from);
  }
  std::size_t size() const { return count_; }
  const Edge& operator[](std::size_t nth) const { return edges_[found_[nth]]; }

 private:
  const std::vector<Edge>& edges_;
  std::vector<std::uint32_t> few_;
  const std::uint32_t* found_ = nullptr;
  std::size_t count_ = 0;
};

Labels::Naming Labels::naming(NodeId holder, NodeId held) {
  Naming naming{.names = is_namespace(holder)};
  if (type_of(held).name == "builtins.cell" && type_of(holder).flags & kTpTupleSubclass)
    naming.cells = closure_names(holder, naming.first);
  return naming;
}

std::string Labels::item_name(NodeId holder, const Edge& edge) {
  const TypeInfo& type = type_of(holder);
  if (edge.kind != EdgeKind::kIndex || !(type.flags & kTpTupleSubclass)) return {};
  const std::vector<std::string>& names = item_names_.of(type);
  return edge.payload < names.size() ? names[edge.payload] : std::string();
}

std::string Labels::reference_name(NodeId holder, const Edge& edge, bool names) {
  std::string item = item_name(holder, edge);
  return item.empty() ? edge_label(types_, edge, names) : item;
}

Labels::Label Labels::label(NodeId holder, const Edge& edge, const Naming& naming) {
  const Objects& o = types_.objects();
  Label label{.text = reference_name(holder, edge, naming.names), .kind = edge.kind, .cls = edge.cls};
  if (!is_null(naming.cells) && edge.kind == EdgeKind::kIndex && naming.first >= 0) {
    const std::int64_t at = naming.first + static_cast<std::int64_t>(edge.payload);
    if (at < o.ob_size(naming.cells)) {
      const auto name = o.str(
          o.pointer(naming.cells + static_cast<std::uint64_t>(at) * 8, o.layout().PyTupleObject.ob_item), 60);
      if (name) label.text += " " + *name;
    }
  }
  if (edge.kind == EdgeKind::kValue)
    if (const Address key = weak_key(types_, Address{edge.payload});
        !is_null(key) && wrapper_of(*this, holder).kind == WrapperKind::kWeakKeys) {
      Edge by_referent = edge;
      by_referent.payload = value(key);
      label.text = edge_label(types_, by_referent, naming.names);
    }
  label.close = naming.names || edge.kind == EdgeKind::kDict || edge.kind == EdgeKind::kField;
  return label;
}

void Labels::prepare_large(std::uint64_t most) {
  constexpr std::uint64_t kLarge = 500;  // references, which are named in a tenth of a millisecond
  std::vector<std::pair<std::uint64_t, NodeId>> large;
  for (std::uint32_t n = 0; n < graph_.nodes(); ++n)
    if (const std::uint64_t count = graph_.first_edge[n + 1] - graph_.first_edge[n]; count >= kLarge)
      large.emplace_back(count, NodeId{n});
  std::sort(large.rbegin(), large.rend());
  for (const auto& [count, node] : large) {
    if (count > most) continue;
    most -= count;
    (void)ReferencesTo(*this, node, Address{});
  }
}

std::vector<Labels::Label> Labels::between(NodeId holder, NodeId held) {
  const Naming how = naming(holder, held);
  const ReferencesTo references(*this, holder, address(held));
  std::vector<Label> labels;
  std::unordered_set<std::string> told;
  for (std::size_t i = 0; i < references.size(); ++i) {
    Label each = label(holder, references[i], how);
    if (told.insert(each.text).second) labels.push_back(std::move(each));
  }
  return labels;
}

std::string Labels::name_of(NodeId holder, NodeId held, std::size_t nth) {
  const ReferencesTo references(*this, holder, address(held));
  if (references.size() == 0) return "";
  return label(holder, references[std::min(nth, references.size() - 1)], naming(holder, held)).text;
}

}  // namespace heapglass
