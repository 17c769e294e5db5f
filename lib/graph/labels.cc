#include "lib/graph/labels.h"

#include <algorithm>
#include <unordered_set>

#include "lib/python/describe.h"
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

}  // namespace

const std::vector<Edge>& Labels::references_of(NodeId n) {
  const auto [at, is_new] = edges_.try_emplace(index(n));
  if (is_new) {
    Collected sink;
    const TypeInfo& type = type_of(n);
    references_.visit(address(n), type, sink);
    if (type.resolution == Resolution::kUnknown) references_.scan(address(n), type, sink);
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
  if (std::find(classes.begin(), classes.end(), EdgeClass::kGuess) == classes.end())
    std::erase_if(edges, [](const Edge& e) { return e.cls == EdgeClass::kGuess; });
  std::unordered_set<std::uint64_t> named;
  for (const Edge& e : edges)
    if (e.cls == EdgeClass::kVisited) named.insert(value(e.referent));
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
    if (type.body == Body::kModule) {
      if (o.pointer(address(holder), o.layout().PyModuleObject.md_dict) != a) continue;
    } else if (type.flags & kTpTypeSubclass) {
      if (types_.type_dict(address(holder)) != a) continue;
    } else {
      if (type.dict == InstanceDict::kNone && is_null(named_field(o, address(holder), type, "dict")))
        continue;
      const std::vector<Edge>& edges = references_of(holder);
      if (std::none_of(edges.begin(), edges.end(), [&](const Edge& e) {
            return e.referent == a && (e.kind == EdgeKind::kDict || e.kind == EdgeKind::kField);
          }))
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

std::vector<Labels::Label> Labels::between(NodeId holder, NodeId held) {
  const Objects& o = types_.objects();
  const Address referent = address(held);
  const bool names = is_namespace(holder);
  const bool in_closure = type_of(held).name == "builtins.cell" && type_of(holder).flags & kTpTupleSubclass;
  std::int64_t first = 0;
  const Address cells = in_closure ? closure_names(holder, first) : Address{};
  std::vector<Label> labels;
  for (const Edge& edge : references_of(holder)) {
    if (edge.referent != referent) continue;
    Label label{.text = edge_label(types_, edge, names), .kind = edge.kind, .cls = edge.cls};
    if (!is_null(cells) && edge.kind == EdgeKind::kIndex && first >= 0) {
      const std::int64_t at = first + static_cast<std::int64_t>(edge.payload);
      if (at < o.ob_size(cells)) {
        const auto name = o.str(
            o.pointer(cells + static_cast<std::uint64_t>(at) * 8, o.layout().PyTupleObject.ob_item), 60);
        if (name) label.text += " " + *name;
      }
    }
    label.close = names || edge.kind == EdgeKind::kDict || edge.kind == EdgeKind::kField;
    if (std::none_of(labels.begin(), labels.end(), [&](const Label& l) { return l.text == label.text; }))
      labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace heapglass
