// heapglass path: how the world outside of the heap reaches an object, as sentences and as a picture.
#include <algorithm>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/heap/holders.h"
#include "lib/heap/path_text.h"
#include "lib/open/open_heap.h"
#include "lib/render/output_options.h"
#include "lib/report/graph_drawer.h"
#include "lib/report/path_picture.h"
#include "lib/report/write_answer.h"

namespace heapglass {
namespace {

struct Told {
  std::vector<NodeId> way;
  std::uint64_t objects = 1, bytes = 0;
  PathText text;
};

Cell steps_of(const Heap& heap, const PathText& text) {
  Table steps{
      .key = "steps",
      .columns = {
          {"id", "id", Kind::kAddress}, {"type", "type", Kind::kText}, {"label", "label", Kind::kText}}};
  const HeapGraph& graph = heap.graph();
  for (const WayStep& s : text.steps)
    steps.rows.push_back(
        {graph.index->address(s.node), graph.types[graph.type[index(s.node)]].name, s.label});
  return Tables{std::move(steps)};
}

}  // namespace

int run_path(const std::vector<std::string>& arguments) {
  CommandLine line("path", "root paths of objects: what keeps them alive");
  std::vector<std::string> types;
  std::vector<Address> ids;
  std::optional<Expression> wanted, avoided, begins;
  std::size_t count = 3, most = 200;
  line.option(
      "type", &types, "NAME",
      "paths to all objects of this type, module.qualname or the bare name, equal paths counted once; can be "
      "repeated");
  line.option("id", &ids, "paths to the object at this address; can be repeated");
  line.option("where", &wanted, "paths to objects for which EXPR is true: see heapglass help expressions");
  line.count("all", &count, 1, 10'000,
             "the N shortest paths to one object, the N most frequent to several (default 3)");
  line.option("avoid", &avoided, "no paths through objects for which EXPR is true");
  line.option("from", &begins, "only paths that begin at objects for which EXPR is true");
  line.count("max-nodes", &most, 1, 1'000'000, "draw at most N objects (default 200)");
  if (!line.parse(arguments)) return kExitDone;
  if (types.empty() && ids.empty() && !wanted)
    throw Error(ErrorKind::kUsage, "path needs a target object",
                "give --type NAME, --id ADDRESS or --where EXPR");

  const auto heap = open_heap(line.common(), {});
  const HeapGraph& graph = heap->graph();
  Labels& labels = heap->labels();
  const ObjectView& values = heap->view();
  std::vector<NodeId> targets = heap->select(types, ids);
  if (types.empty() && ids.empty())
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) targets.push_back(NodeId{n});
  if (wanted) std::erase_if(targets, [&](NodeId n) { return !wanted->matches(values, labels.address(n)); });
  if (targets.empty())
    throw Error(ErrorKind::kUsage,
                "there is no object of which '" + wanted->text() + "' is true in " + heap->target().name());
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());

  auto condition = [&](const std::optional<Expression>& e) -> std::function<bool(NodeId)> {
    if (!e) return {};
    return [&](NodeId n) { return e->matches(values, labels.address(n)); };
  };
  const RootPaths ways = heap->root_paths(condition(avoided), condition(begins));
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
  for (const Told& t : told) table.rows.push_back({t.objects, t.bytes, t.text.text, steps_of(*heap, t.text)});
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
    GraphDrawer maker(*heap, {});
    const std::string what = !types.empty() ? types[0] : !ids.empty() ? to_hex(ids[0]) : wanted->text();
    std::vector<std::vector<NodeId>> drawn_ways;
    drawn_ways.reserve(told.size());
    for (const Told& t : told) drawn_ways.push_back(t.way);
    Picture drawn =
        draw_root_paths(maker, drawn_ways, "What leads to " + what + " in " + heap->target().name(), most);
    drawn.notes.insert(drawn.notes.end(), notes.begin(), notes.end());
    document.sections.push_back(std::move(drawn));
  } else {
    table.notes = std::move(notes);
    document.sections.push_back(std::move(table));
  }
  write_answer(*heap, std::move(document), common);
  return kExitDone;
}

}  // namespace heapglass
