// heapglass path: how the world outside of the heap reaches an object, as sentences and as a picture.
#include <algorithm>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/open/open_heap.h"
#include "lib/render/output_options.h"
#include "lib/report/graph_drawer.h"
#include "lib/report/path_picture.h"
#include "lib/report/path_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {

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
  const RootPaths root_paths = heap->root_paths(condition(avoided), condition(begins));
  FoundPaths found = find_paths(*heap, root_paths, targets, count);

  Document document;
  std::vector<std::string> notes;
  if (targets.size() > 1 && found.in_all > found.paths.size())
    notes.push_back(std::to_string(found.in_all - found.paths.size()) + " more ways: --all N shows more");
  if (found.reached < targets.size())
    notes.push_back((targets.size() == 1 ? std::string("nothing")
                                         : std::to_string(targets.size() - found.reached) + " of " +
                                               std::to_string(targets.size()) + " objects: nothing") +
                    " from outside leads there" +
                    (avoided || begins ? " by such a way" : ": garbage that a collection would free"));
  const CommonOptions& common = line.common();
  if (wants_picture(common)) {
    GraphDrawer maker(*heap, {});
    const std::string what = !types.empty() ? types[0] : !ids.empty() ? to_hex(ids[0]) : wanted->text();
    std::vector<std::vector<NodeId>> drawn_paths;
    drawn_paths.reserve(found.paths.size());
    for (const FoundPath& t : found.paths) drawn_paths.push_back(t.path);
    Picture drawn =
        draw_root_paths(maker, drawn_paths, "What leads to " + what + " in " + heap->target().name(), most);
    drawn.notes.insert(drawn.notes.end(), notes.begin(), notes.end());
    document.sections.push_back(std::move(drawn));
  } else {
    Table table = paths_table(*heap, found.paths);
    table.notes = std::move(notes);
    document.sections.push_back(std::move(table));
    if (targets.size() > 1)
      if (auto holders = holders_table(*heap, root_paths, targets))
        document.sections.push_back(std::move(*holders));
  }
  write_answer(*heap, std::move(document), common);
  return kExitDone;
}

}  // namespace heapglass
