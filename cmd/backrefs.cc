// heapglass backrefs and refs: the graph around some objects.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "cmd/session.h"
#include "lib/analysis/histogram.h"
#include "lib/analysis/neighbourhood.h"
#include "lib/base/error.h"
#include "lib/python/describe.h"
#include "lib/render/formats.h"

namespace heapglass {
namespace {

// The references of one object, kept.
class Collected final : public EdgeSink {
 public:
  std::vector<Edge> edges;

 private:
  void take(const Edge* e, std::size_t count) override { edges.insert(edges.end(), e, e + count); }
};

class PictureMaker {
 public:
  PictureMaker(Session& session, const Neighbourhood& around, const Referrers& referrers)
      : s_(session),
        graph_(session.graph()),
        around_(around),
        referrers_(referrers),
        references_(session.types(), scratch_) {}

  Picture draw(const std::string& title, bool holders, int max_depth) {
    Picture picture{.title = title,
                    .direction = holders ? Picture::Direction::kReferrers : Picture::Direction::kReferents,
                    .max_depth = max_depth};
    for (const Neighbourhood::Node& n : around_.nodes) picture.nodes.push_back(node(n));
    for (const Neighbourhood::Edge& e : around_.edges) add_edges(picture, e);
    if (holders) add_roots(picture);
    return picture;
  }

 private:
  const TypeInfo& type_of(NodeId n) const { return *graph_.types[graph_.type[index(n)]].info; }

  PictureNode node(const Neighbourhood::Node& n) {
    const Address a = graph_.index->address(n.id);
    const TypeInfo& type = type_of(n.id);
    PictureNode out{.address = a};
    if (type.body == Body::kModule)
      out.kind = PictureNode::Kind::kModule;
    else if (type.flags & kTpTypeSubclass)
      out.kind = PictureNode::Kind::kClass;
    else if (type.body == Body::kFrame)
      out.kind = PictureNode::Kind::kFrame;
    out.lines.push_back(type.name.starts_with("builtins.") ? type.name.substr(9) : type.name);
    out.lines.push_back(short_repr(s_.types(), a, type, 40));
    out.lines.push_back(std::to_string(graph_.size[index(n.id)]) + " B");
    out.depth = n.depth;
    out.more = n.more;
    out.start = n.depth == 0;
    out.untracked = !is_tracked(s_.objects(), a, type);
    out.immortal =
        s_.python().rules.immortal_objects && static_cast<std::int32_t>(s_.objects().refcount(a)) < 0;
    return out;
  }

  // A dict whose keys are names: of a module, a class or an instance.
  bool is_namespace(NodeId n) {
    if (!(type_of(n).flags & kTpDictSubclass)) return false;
    for (const NodeId holder : referrers_.of(n)) {
      const TypeInfo& type = type_of(holder);
      const Address a = graph_.index->address(n);
      if (type.body == Body::kModule)
        return s_.objects().pointer(graph_.index->address(holder),
                                    s_.objects().layout().PyModuleObject.md_dict) == a;
      if (type.flags & kTpTypeSubclass && s_.types().type_dict(graph_.index->address(holder)) == a)
        return true;
      if (type.dict != InstanceDict::kNone)
        for (const Edge& e : references_of(holder))
          if (e.kind == EdgeKind::kDict && e.referent == a) return true;
    }
    return false;
  }

  const std::vector<Edge>& references_of(NodeId n) {
    const auto [at, is_new] = edges_.try_emplace(index(n));
    if (is_new) {
      Collected sink;
      const Address a = graph_.index->address(n);
      const TypeInfo& type = type_of(n);
      references_.visit(a, type, sink);
      if (type.resolution == Resolution::kUnknown) references_.scan(a, type, sink);
      sink.drain();
      at->second = std::move(sink.edges);
      add_told(n, at->second);
    }
    return at->second;
  }

  // References that the graph has and the layouts do not tell: the object's own code has told them, nobody
  // can name them.
  void add_told(NodeId n, std::vector<Edge>& edges) {
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
      const Address a = graph_.index->address(referents[i]);
      if (named.insert(value(a)).second) edges.push_back({a, 0, EdgeKind::kUnknown, EdgeClass::kVisited});
    }
  }

  void add_edges(Picture& picture, const Neighbourhood::Edge& e) {
    const NodeId from = around_.nodes[e.from].id, to = around_.nodes[e.to].id;
    const Address referent = graph_.index->address(to);
    const bool names = is_namespace(from);
    std::vector<std::string> seen;
    for (const Edge& edge : references_of(from)) {
      if (edge.referent != referent) continue;
      PictureEdge out{.from = e.from, .to = e.to, .label = edge_label(s_.types(), edge, names)};
      if (edge.cls == EdgeClass::kWeak) out.kind = PictureEdge::Kind::kWeak;
      if (edge.cls == EdgeClass::kGuess) out.kind = PictureEdge::Kind::kGuess;
      if (names || edge.kind == EdgeKind::kDict || edge.kind == EdgeKind::kField) out.weight = 2;
      if (std::find(seen.begin(), seen.end(), out.label) != seen.end()) continue;
      seen.push_back(out.label);
      picture.edges.push_back(std::move(out));
    }
  }

  // What holds objects of the picture without being one.
  void add_roots(Picture& picture) {
    std::unordered_map<std::uint32_t, std::uint32_t> place;
    for (std::uint32_t i = 0; i < around_.nodes.size(); ++i) place[index(around_.nodes[i].id)] = i;
    std::map<std::string, std::uint32_t> drawn;
    for (const GraphRoot& root : graph_.roots) {
      if (root.kind == RootKind::kStaticType || root.kind == RootKind::kInterpreter) continue;
      const auto at = place.find(index(root.node));
      if (at == place.end()) continue;
      const auto [holder, is_new] =
          drawn.try_emplace(root.holder, static_cast<std::uint32_t>(picture.nodes.size()));
      if (is_new) {
        PictureNode out{.kind = PictureNode::Kind::kRoot};
        const std::size_t colon = root.holder.find(": ");
        out.lines.push_back(root.holder.substr(0, colon));
        if (colon != std::string::npos) out.lines.push_back(root.holder.substr(colon + 2));
        out.depth = picture.nodes[at->second].depth + 1;
        picture.nodes.push_back(std::move(out));
      }
      PictureEdge edge{
          .from = holder->second, .to = at->second, .label = edge_label(s_.types(), root.edge, true)};
      if (root.guess) edge.kind = PictureEdge::Kind::kGuess;
      picture.edges.push_back(std::move(edge));
    }
  }

  Session& s_;
  const HeapGraph& graph_;
  const Neighbourhood& around_;
  const Referrers& referrers_;
  Health scratch_;
  References references_;
  std::unordered_map<std::uint32_t, std::vector<Edge>> edges_;
};

// Modules that sys.modules holds: where a chain of holders comes to its natural end.
std::vector<NodeId> proper_modules(Session& s) {
  std::vector<NodeId> nodes;
  const Objects& o = s.objects();
  for (const PyInterpreter& interpreter : s.interpreters())
    o.each_item(o.pointer(interpreter.state, o.layout().PyInterpreterState.modules),
                [&](Address, Address module) {
                  const NodeId n = s.graph().index->find(module);
                  if (n != kNoNode && s.graph().types[s.graph().type[index(n)]].info->body == Body::kModule)
                    nodes.push_back(n);
                });
  return nodes;
}

int run_graph(const std::vector<std::string>& arguments, bool holders) {
  CommandLine line(holders ? "backrefs" : "refs",
                   holders ? "who holds some objects, as a graph" : "whom some objects hold, as a graph");
  std::vector<std::string> types, ids;
  std::string max_depth = "3", too_many = "10", limit = "3";
  bool force = false;
  auto add = line.own().add_options();
  add("type", options::value(&types)->value_name("NAME"),
      "start at objects of this type, module.qualname or the bare name; again for more");
  add("id", options::value(&ids)->value_name("ADDRESS"),
      "start at the object at this address; again for more");
  add("limit,n", options::value(&limit)->value_name("N"), "start at this many of them (default 3)");
  add("max-depth", options::value(&max_depth)->value_name("N"), "follow this many references (default 3)");
  add("too-many", options::value(&too_many)->value_name("N"),
      "draw this many neighbours of an object and count the others (default 10)");
  add("force", options::bool_switch(&force), "draw however large the picture becomes");
  if (!line.parse(arguments)) return kExitDone;
  if (types.empty() && ids.empty())
    throw Error(ErrorKind::kUsage, std::string(holders ? "backrefs" : "refs") + " needs objects to start at",
                "give --type NAME or --id ADDRESS");
  const CommonOptions& common = line.common();
  if (common.format.empty() && !common.output.empty() && common.output != "-" &&
      common.output.find('.', common.output.rfind('/') + 1) != std::string::npos &&
      !format_of_file(common.output)) {
    find_format(common.output.substr(common.output.rfind('.') + 1));  // throws, and lists what there is
  }
  NeighbourhoodOptions how{.referrers = holders};
  how.max_depth = static_cast<int>(parse_count("--max-depth", max_depth, 0, 1000));
  how.too_many = static_cast<std::size_t>(parse_count("--too-many", too_many, 1, 1'000'000));
  if (force) how.most_nodes = 1'000'000;
  const auto most = static_cast<std::size_t>(parse_count("--limit", limit, 1, 1'000'000));

  const auto session = Session::open(line.common(), {});
  std::vector<NodeId> starts = session->select(types, ids);
  const std::size_t in_all = starts.size();
  if (starts.size() > most) starts.resize(most);
  const Referrers referrers = reverse(session->graph());
  std::unordered_set<std::uint32_t> modules;
  for (const NodeId n : proper_modules(*session)) modules.insert(index(n));
  if (holders) how.stop_at = [&](NodeId n) { return modules.count(index(n)) > 0; };
  const HeapGraph& graph = session->graph();
  auto body_of = [&](NodeId n) { return graph.types[graph.type[index(n)]].info->body; };
  std::unordered_map<std::uint32_t, bool> held_by_module;
  if (holders) {
    // The globals of a module are held by each of its functions: of those that says nothing, the module says
    // it.
    how.rank = [&](NodeId held, NodeId holder) {
      if (body_of(holder) == Body::kModule) return 0;
      if (graph.types[graph.type[index(holder)]].name != "builtins.function") return 1;
      const auto [at, is_new] = held_by_module.try_emplace(index(held), false);
      if (is_new)
        for (const NodeId n : referrers.of(held)) at->second |= body_of(n) == Body::kModule;
      return at->second ? -1 : 2;
    };
  }
  const Neighbourhood around = neighbourhood(session->graph(), referrers, starts, how);

  PictureMaker maker(*session, around, referrers);
  std::string what = types.empty() ? ids.front() : types.front();
  Picture picture = maker.draw(
      std::string(holders ? "Who holds " : "What is held by ") + what + " in " + session->target().name(),
      holders, how.max_depth);
  if (in_all > starts.size())
    picture.notes.push_back("starting at " + std::to_string(starts.size()) + " of " + std::to_string(in_all) +
                            " objects: --limit N takes more");
  Document document;
  document.sections.push_back(std::move(picture));
  session->write(std::move(document), line.common(), "text");
  return kExitDone;
}

}  // namespace

int run_backrefs(const std::vector<std::string>& arguments) { return run_graph(arguments, true); }
int run_refs(const std::vector<std::string>& arguments) { return run_graph(arguments, false); }

}  // namespace heapglass
