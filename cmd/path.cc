// heapglass path: how the world outside of the heap reaches an object, as sentences and as a picture.
#include <algorithm>

#include "cmd/graph_drawer.h"
#include "cmd/retained_sizes.h"
#include "cmd/root_paths_of.h"
#include "cmd/wants_picture.h"
#include "cmd/ways_picture.h"
#include "lib/analysis/holders.h"
#include "lib/base/error.h"

namespace heapglass {
namespace {

struct Told {
  std::vector<NodeId> way;
  std::uint64_t objects = 1, bytes = 0;
  PathText text;
};

Cell steps_of(const Session& session, const PathText& text) {
  Table steps{
      .key = "steps",
      .columns = {
          {"id", "id", Kind::kAddress}, {"type", "type", Kind::kText}, {"label", "label", Kind::kText}}};
  const HeapGraph& graph = session.graph();
  for (const WayStep& s : text.steps)
    steps.rows.push_back(
        {graph.index->address(s.node), graph.types[graph.type[index(s.node)]].name, s.label});
  return Tables{std::move(steps)};
}

}  // namespace

int run_path(const std::vector<std::string>& arguments) {
  CommandLine line("path", "root paths of objects: what keeps them alive");
  std::vector<std::string> types, ids;
  std::string all = "3", where, avoid, from, max_nodes = "200";
  auto add = line.own().add_options();
  add("type", options::value(&types)->value_name("NAME"),
      "paths to all objects of this type, module.qualname or the bare name, equal paths counted once; can be "
      "repeated");
  add("id", options::value(&ids)->value_name("ADDRESS"),
      "paths to the object at this address; can be repeated");
  add("where", options::value(&where)->value_name("EXPR"),
      "paths to objects for which EXPR is true: see heapglass help expressions");
  add("all", options::value(&all)->value_name("N"),
      "the N shortest paths to one object, the N most frequent to several (default 3)");
  add("avoid", options::value(&avoid)->value_name("EXPR"), "no paths through objects for which EXPR is true");
  add("from", options::value(&from)->value_name("EXPR"),
      "only paths that begin at objects for which EXPR is true");
  add("max-nodes", options::value(&max_nodes)->value_name("N"), "draw at most N objects (default 200)");
  if (!line.parse(arguments)) return kExitDone;
  if (types.empty() && ids.empty() && where.empty())
    throw Error(ErrorKind::kUsage, "path needs a target object",
                "give --type NAME, --id ADDRESS or --where EXPR");
  const auto count = static_cast<std::size_t>(parse_count("--all", all, 1, 10'000));
  const auto most = static_cast<std::size_t>(parse_count("--max-nodes", max_nodes, 1, 1'000'000));
  const auto wanted = parse_expression(where, "--where"), avoided = parse_expression(avoid, "--avoid"),
             begins = parse_expression(from, "--from");

  const auto session = Session::open(line.common(), {});
  const HeapGraph& graph = session->graph();
  const Referrers referrers = reverse(graph);
  Labels labels(session->types(), graph, referrers);
  ObjectView values(session->types(), graph, session->interpreters());
  if (uses_retained({&wanted, &avoided, &begins})) enable_retained_sizes(values, *session);
  std::vector<NodeId> targets = session->select(types, ids);
  if (types.empty() && ids.empty())
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) targets.push_back(NodeId{n});
  if (wanted) std::erase_if(targets, [&](NodeId n) { return !wanted->matches(values, labels.address(n)); });
  if (targets.empty())
    throw Error(ErrorKind::kUsage,
                "there is no object of which '" + where + "' is true in " + session->target().name());
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());

  ExternalRootPaths outside(*session, labels, values);
  auto condition = [&](const std::optional<Expression>& e) -> std::function<bool(NodeId)> {
    if (!e) return {};
    return [&](NodeId n) { return e->matches(values, labels.address(n)); };
  };
  const RootPaths ways = outside.ways(condition(avoided), condition(begins));
  PathFormatter teller(labels, values);
  std::vector<Told> told;
  std::size_t groups = 0;
  std::uint64_t reached = 0;
  if (targets.size() == 1) {
    for (auto& way : ways.shortest(targets[0], count)) {
      PathText text = teller.tell(way);
      told.push_back({std::move(way), 1, graph.size[index(targets[0])], std::move(text)});
    }
    reached = !told.empty();
    groups = told.size();
  } else {
    const auto found = ways.groups(targets, [&](NodeId n) { return is_anonymous_collection(labels, n); });
    groups = found.size();
    for (const RootPaths::Group& group : found) {
      reached += group.objects;
      if (told.size() == count) continue;
      std::vector<NodeId> way = ways.shortest(group.example);
      PathText text = teller.tell(way, group.objects, group.merged_at);
      told.push_back({std::move(way), group.objects, group.bytes, std::move(text)});
    }
  }

  Document document;
  Table table{.key = "paths",
              .columns = {{"objects", "objects", Kind::kCount},
                          {"bytes", "bytes", Kind::kBytes},
                          {"text", "path", Kind::kSentence},
                          {"steps", "", Kind::kText, Audience::kPrograms}}};
  for (const Told& t : told)
    table.rows.push_back({t.objects, t.bytes, t.text.text, steps_of(*session, t.text)});
  std::vector<std::string> notes;
  if (targets.size() > 1 && groups > told.size())
    notes.push_back(std::to_string(groups - told.size()) + " more ways: --all N shows more");
  if (reached < targets.size())
    notes.push_back((targets.size() == 1 ? std::string("nothing")
                                         : std::to_string(targets.size() - reached) + " of " +
                                               std::to_string(targets.size()) + " objects: nothing") +
                    " from outside leads there" +
                    (avoided || begins ? " by such a way" : ": garbage that a collection would free"));
  const CommonOptions& common = line.common();
  if (wants_picture(common)) {
    GraphDrawer maker(*session, labels, values, {});
    const std::string what = !types.empty() ? types[0] : !ids.empty() ? ids[0] : where;
    std::vector<std::vector<NodeId>> drawn_ways;
    for (const Told& t : told) drawn_ways.push_back(t.way);
    Picture drawn =
        draw_root_paths(maker, drawn_ways, "What leads to " + what + " in " + session->target().name(), most);
    drawn.notes.insert(drawn.notes.end(), notes.begin(), notes.end());
    document.sections.push_back(std::move(drawn));
  } else {
    table.notes = std::move(notes);
    document.sections.push_back(std::move(table));
  }
  session->write(std::move(document), common);
  return kExitDone;
}

}  // namespace heapglass
