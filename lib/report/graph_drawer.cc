#include "lib/report/graph_drawer.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "lib/base/choices.h"
#include "lib/base/error.h"
#include "lib/heap/objgraph_labels.h"
#include "lib/python/collector_lists.h"
#include "lib/python/describe.h"
#include "lib/render/numbers.h"

namespace heapglass {
namespace {

constexpr std::size_t kReprColumns = 40;

std::string join(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

}  // namespace

std::vector<ExtraInfo> parse_extra_info(const std::string& text) {
  constexpr std::pair<std::string_view, ExtraInfo> kWords[] = {
      {"size", ExtraInfo::kSize}, {"retained", ExtraInfo::kRetained}, {"refcount", ExtraInfo::kRefcount},
      {"id", ExtraInfo::kId},     {"length", ExtraInfo::kLength},     {"site", ExtraInfo::kSite}};
  std::vector<ExtraInfo> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string_view word = std::string_view(text).substr(at, comma - at);
    const auto known =
        std::find_if(std::begin(kWords), std::end(kWords), [&](const auto& w) { return w.first == word; });
    if (known == std::end(kWords)) {
      std::vector<std::string_view> names;
      for (const auto& each : kWords) names.push_back(each.first);
      throw invalid_choice("--extra-info", word, names);
    }
    out.push_back(known->second);
    at = comma + 1;
  }
  return out;
}

bool GraphDrawer::is_immortal(Address a) const {
  return s_.python().rules.immortal_objects && static_cast<std::int32_t>(s_.objects().refcount(a)) < 0;
}

std::string GraphDrawer::refcount(Address a) const {
  return is_immortal(a) ? "immortal" : std::to_string(s_.objects().refcount(a));
}

std::vector<std::string> GraphDrawer::figures(NodeId id) const {
  const Address a = labels_.address(id);
  const bool own = looks_.style == PictureStyle::kDefault;
  std::vector<std::string> out;
  if (own) out.push_back(human_bytes(labels_.graph().all_bytes(index(id))));
  for (const ExtraInfo info : looks_.extra_info) {
    const auto length = objects_.length(a);
    switch (info) {
      case ExtraInfo::kSize:
        if (!own) out.push_back(std::to_string(labels_.graph().size[index(id)]) + " bytes");
        break;
      case ExtraInfo::kRetained:
        if (objects_.retained) out.push_back("retains " + human_bytes(objects_.retained(id)));
        break;
      case ExtraInfo::kRefcount:
        if (own && is_immortal(a)) break;  // the box says so anyway
        out.push_back(refcount(a) + (refcount(a) == "1" ? " reference" : " references"));
        break;
      case ExtraInfo::kId:
        out.push_back(to_hex(a));
        break;
      case ExtraInfo::kLength:
        if (length) out.push_back("length " + std::to_string(*length));
        break;
      case ExtraInfo::kSite:
        if (const std::string site = looks_.site ? looks_.site(id) : std::string(); !site.empty())
          out.push_back("of " + site);
        break;
    }
  }
  return out;
}

PictureNode GraphDrawer::node(NodeId id, int depth, std::uint64_t more) const {
  const Address a = labels_.address(id);
  const TypeInfo& type = labels_.type_of(id);
  PictureNode out{.address = a};
  if (type.body == TraverseRule::kModule)
    out.kind = PictureNode::Kind::kModule;
  else if (type.flags & kTpTypeSubclass)
    out.kind = PictureNode::Kind::kClass;
  else if (type.body == TraverseRule::kFrame)
    out.kind = PictureNode::Kind::kFrame;
  out.depth = depth;
  out.more = more;
  out.start = depth == 0;
  out.highlight = looks_.highlight && looks_.highlight(id);
  out.untracked = !is_tracked(s_.objects(), a, type);
  out.immortal = is_immortal(a);
  const std::vector<std::string> figures = this->figures(id);
  if (looks_.style == PictureStyle::kObjgraph) {
    out.lines.push_back(objgraph_type_name(s_.types(), a, looks_.long_names));
    if (looks_.refcounts) out.lines[0] += " [" + refcount(a) + "]";
    out.lines.push_back(objgraph_repr(s_.types(), a));
    if (!figures.empty()) out.lines.push_back(join(figures, ", "));
    out.has_del = has_del(s_.types(), a);
    return out;
  }
  std::string name = looks_.long_names ? type.name : objgraph_type_name(s_.types(), a, false);
  if (name.starts_with("builtins.")) name.erase(0, 9);
  if (looks_.refcounts) name += " [" + refcount(a) + "]";
  out.lines = {name, short_repr(s_.types(), a, type, kReprColumns)};
  out.lines.insert(out.lines.end(), figures.begin(), figures.end());
  // Files, generators and tasks have one too, of C: of those nobody needs to be warned.
  out.has_del = type.flags & kTpHeapType && has_python_del(s_.types(), a);
  return out;
}

void GraphDrawer::add_edges(Picture& picture, std::uint32_t from, std::uint32_t to) {
  const HeapGraph& graph = labels_.graph();
  const NodeId holder = graph.index->find(picture.nodes[from].address);
  const NodeId held = graph.index->find(picture.nodes[to].address);
  if (looks_.style == PictureStyle::kObjgraph) {
    ObjgraphEdgeLabel label = objgraph_edge_label(labels_, holder, held, looks_.long_names);
    picture.edges.push_back({.from = from, .to = to, .label = std::move(label.text), .weight = label.weight});
    return;
  }
  for (Labels::Label& label : labels_.between(holder, held)) {
    PictureEdge edge{.from = from, .to = to, .label = std::move(label.text)};
    if (label.cls == EdgeClass::kWeak) edge.kind = PictureEdge::Kind::kWeak;
    if (label.cls == EdgeClass::kGuess) edge.kind = PictureEdge::Kind::kGuess;
    if (label.close) edge.weight = 2;
    picture.edges.push_back(std::move(edge));
  }
}

std::uint64_t GraphDrawer::unaccounted(NodeId id) const {
  const HeapGraph& graph = labels_.graph();
  const Address a = labels_.address(id);
  const TypeInfo& type = labels_.type_of(id);
  // Of classes, modules and what is immortal the interpreter has counted references in many places.
  if (is_immortal(a) || !is_tracked(s_.objects(), a, type) || type.flags & kTpTypeSubclass ||
      type.body == TraverseRule::kModule || type.body == TraverseRule::kFrame)
    return 0;
  std::uint64_t known = 0;
  std::vector<NodeId> holders(labels_.referrers().of(id).begin(), labels_.referrers().of(id).end());
  std::sort(holders.begin(), holders.end());
  holders.erase(std::unique(holders.begin(), holders.end()), holders.end());
  for (const NodeId holder : holders) {
    const std::uint64_t first = graph.first_edge[index(holder)];
    const std::span<const NodeId> held = graph.referents(holder);
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (held[i] != id) continue;
      const EdgeClass cls = graph.edge_class[first + i];
      if (cls == EdgeClass::kGuess) return 0;
      known += cls != EdgeClass::kWeak;
    }
  }
  for (const GraphRoot& root : graph.roots) known += root.node == id;
  const std::uint64_t counted = s_.objects().refcount(a);
  return counted > known ? counted - known : 0;
}

void GraphDrawer::add_roots(Picture& picture) const {
  std::unordered_map<std::uint64_t, std::uint32_t> place;
  const std::size_t objects = picture.nodes.size();
  for (std::uint32_t i = 0; i < objects; ++i)
    if (!is_null(picture.nodes[i].address)) place[value(picture.nodes[i].address)] = i;
  std::map<std::string, std::uint32_t> drawn;
  auto holder_of = [&](const std::string& name, std::uint32_t held) {
    const auto [at, is_new] = drawn.try_emplace(name, static_cast<std::uint32_t>(picture.nodes.size()));
    if (is_new) {
      PictureNode root{.kind = PictureNode::Kind::kRoot};
      const std::size_t colon = name.find(": ");
      root.lines.push_back(name.substr(0, colon));
      if (colon != std::string::npos) root.lines.push_back(name.substr(colon + 2));
      root.depth = picture.nodes[held].depth + 1;
      picture.nodes.push_back(std::move(root));
    }
    return at->second;
  };
  for (const GraphRoot& root : labels_.graph().roots) {
    if (root.kind == RootKind::kStaticType || root.kind == RootKind::kInterpreter) continue;
    const auto at = place.find(value(labels_.address(root.node)));
    if (at == place.end()) continue;
    PictureEdge edge{.from = holder_of(root.holder, at->second),
                     .to = at->second,
                     .label = edge_label(s_.types(), root.edge, true)};
    if (root.guess) edge.kind = PictureEdge::Kind::kGuess;
    picture.edges.push_back(std::move(edge));
  }
  for (std::uint32_t i = 0; i < objects; ++i) {
    if (is_null(picture.nodes[i].address)) continue;
    const std::uint64_t n = unaccounted(labels_.graph().index->find(picture.nodes[i].address));
    if (n == 0) continue;
    PictureNode root{.kind = PictureNode::Kind::kRoot, .depth = picture.nodes[i].depth + 1};
    root.lines = {"C code", std::to_string(n) + (n == 1 ? " reference" : " references")};
    picture.edges.push_back({.from = static_cast<std::uint32_t>(picture.nodes.size()), .to = i});
    picture.nodes.push_back(std::move(root));
  }
}

Picture GraphDrawer::draw(const Neighbourhood& around, const std::string& title, bool holders,
                          int max_depth) {
  Picture picture{.title = title,
                  .direction = holders ? Picture::Direction::kReferrers : Picture::Direction::kReferents,
                  .max_depth = max_depth};
  for (const Neighbourhood::Node& n : around.nodes) picture.nodes.push_back(node(n.id, n.depth, n.more));
  for (const Neighbourhood::Edge& e : around.edges) add_edges(picture, e.from, e.to);
  if (holders && looks_.style == PictureStyle::kDefault) add_roots(picture);
  return picture;
}

std::function<int(NodeId, NodeId)> rank_by_module(const Labels& labels) {
  return [&labels, known = std::unordered_map<std::uint32_t, bool>()](NodeId held, NodeId holder) mutable {
    if (labels.type_of(holder).body == TraverseRule::kModule) return 0;
    if (labels.type_of(holder).name != "builtins.function") return 1;
    const auto [at, is_new] = known.try_emplace(index(held), false);
    if (is_new)
      for (const NodeId n : labels.referrers().of(held))
        at->second |= labels.type_of(n).body == TraverseRule::kModule;
    return at->second ? -1 : 2;
  };
}

}  // namespace heapglass
