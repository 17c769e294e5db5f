// heapglass garbage: what a full collection would free now.
#include "lib/analysis/garbage.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "cmd/picture_maker.h"
#include "cmd/wants_picture.h"
#include "lib/analysis/garbage_options.h"
#include "lib/base/error.h"
#include "lib/graph/objgraph_labels.h"

namespace heapglass {
namespace {

struct OfType {
  std::uint64_t count = 0, bytes = 0;
};

// "3 app.Node, 2 dict" of the commonest types.
std::string types_in_words(const HeapGraph& graph, const std::vector<NodeId>& nodes) {
  std::map<std::string, std::uint64_t> counts;
  for (const NodeId n : nodes) ++counts[graph.types[graph.type[index(n)]].name];
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [name, count] : counts) order.emplace_back(count, name);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::string text;
  constexpr std::size_t kMost = 4;
  for (std::size_t i = 0; i < order.size() && i < kMost; ++i) {
    const std::string& name = order[i].second;
    text += (i ? ", " : "") + std::to_string(order[i].first) + " " +
            (name.starts_with("builtins.") ? name.substr(9) : name);
  }
  return order.size() > kMost ? text + ", ..." : text;
}

Picture draw(Session& s, const Garbage::Component& component, std::size_t most) {
  const Referrers referrers = reverse(s.graph());
  Labels labels(s.types(), s.graph(), referrers);
  const HeapObjects values(s.types(), s.graph(), s.interpreters());
  PictureMaker maker(s, labels, values, {});
  Picture picture{.title = "The largest group of garbage in " + s.target().name(),
                  .direction = Picture::Direction::kReferents};
  std::unordered_map<std::uint32_t, std::uint32_t> place;
  for (const NodeId n : component.nodes) {
    if (picture.nodes.size() == most) break;
    place[index(n)] = static_cast<std::uint32_t>(picture.nodes.size());
    picture.nodes.push_back(maker.node(n, 1));
  }
  for (const auto& [node, from] : place) {
    std::vector<NodeId> held(s.graph().referents(NodeId{node}).begin(),
                             s.graph().referents(NodeId{node}).end());
    std::sort(held.begin(), held.end());
    held.erase(std::unique(held.begin(), held.end()), held.end());
    for (const NodeId to : held)
      if (const auto at = place.find(index(to)); at != place.end())
        maker.add_edges(picture, from, at->second);
  }
  if (component.nodes.size() > picture.nodes.size())
    picture.notes.push_back(std::to_string(component.nodes.size() - picture.nodes.size()) +
                            " more objects of it are not drawn: --max-nodes N draws more");
  return picture;
}

}  // namespace

int run_garbage(const std::vector<std::string>& arguments) {
  CommandLine line("garbage", "what a full collection would free now, which the target is not made to do");
  std::string limit = "20", max_nodes = "200";
  auto add = line.own().add_options();
  add("limit,n", options::value(&limit)->value_name("N"), "this many types and groups (default 20), 0: all");
  add("max-nodes", options::value(&max_nodes)->value_name("N"),
      "draw this many objects at most (default 200)");
  if (!line.parse(arguments)) return kExitDone;
  const auto most = static_cast<std::size_t>(parse_count("--limit", limit, 0, 1'000'000'000));
  const auto most_nodes = static_cast<std::size_t>(parse_count("--max-nodes", max_nodes, 1, 1'000'000));
  const auto session = Session::open(line.common(), {});
  Session& s = *session;
  const HeapGraph& graph = s.graph();
  const Garbage garbage = find_garbage(graph, garbage_options(s.types(), graph, s.interpreters()));

  std::map<std::string, OfType> by_type;
  std::uint64_t bytes = 0;
  for (const NodeId n : garbage.freed) {
    OfType& row = by_type[graph.types[graph.type[index(n)]].name];
    ++row.count;
    row.bytes += graph.size[index(n)];
    bytes += graph.size[index(n)];
  }
  std::vector<std::pair<std::string, OfType>> rows(by_type.begin(), by_type.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  const std::size_t types_in_all = rows.size();
  if (most && rows.size() > most) rows.resize(most);

  Document document;
  if (wants_picture(line.common())) {
    if (garbage.components.empty())
      throw Error(ErrorKind::kUsage, "there is no garbage to draw in " + s.target().name());
    document.sections.push_back(draw(s, garbage.components[0], most_nodes));
    s.write(std::move(document), line.common());
    return kExitDone;
  }
  document.fields.push_back(
      {{"total", "", Kind::kText, Audience::kPrograms},
       Record{{{"objects", "", Kind::kCount}, std::uint64_t{garbage.freed.size()}},
              {{"bytes", "", Kind::kBytes}, bytes},
              {{"unreachable", "", Kind::kCount}, std::uint64_t{garbage.unreachable.size()}}}});
  Table types{.key = "types",
              .title = "would be freed",
              .columns = {{"type", "type", Kind::kText},
                          {"count", "objects", Kind::kCount},
                          {"bytes", "bytes", Kind::kBytes}}};
  for (const auto& [name, row] : rows) types.rows.push_back({name, row.count, row.bytes});
  types.totals = Row{"all garbage", std::uint64_t{garbage.freed.size()}, bytes};
  if (rows.size() < types_in_all)
    types.notes.push_back(std::to_string(types_in_all - rows.size()) + " more types: --limit 0 shows all");
  document.sections.push_back(std::move(types));

  Table groups{.key = "components",
               .title = "in groups that hold together",
               .columns = {{"objects", "objects", Kind::kCount},
                           {"bytes", "bytes", Kind::kBytes},
                           {"finalizers", "with __del__", Kind::kCount},
                           {"id", "one of them", Kind::kAddress},
                           {"types", "types", Kind::kSentence}}};
  const std::size_t shown = most ? std::min(most, garbage.components.size()) : garbage.components.size();
  for (std::size_t i = 0; i < shown; ++i) {
    const Garbage::Component& c = garbage.components[i];
    std::uint64_t finalizers = 0;
    for (const NodeId n : c.nodes) finalizers += has_python_del(s.types(), graph.index->address(n));
    groups.rows.push_back({std::uint64_t{c.nodes.size()}, c.bytes, finalizers,
                           graph.index->address(c.nodes[0]), types_in_words(graph, c.nodes)});
  }
  if (shown < garbage.components.size())
    groups.notes.push_back(std::to_string(garbage.components.size() - shown) +
                           " more groups: --limit 0 shows all");
  document.sections.push_back(std::move(groups));
  document.notes.push_back(
      std::to_string(garbage.unreachable.size()) +
      " of them the collector itself would find (gc.collect() returns that), the others go with "
      "them; a finalizer may keep some");
  s.write(std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
