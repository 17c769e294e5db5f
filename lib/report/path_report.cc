#include "lib/report/path_report.h"

#include <algorithm>

#include "lib/heap/common_holders.h"
#include "lib/heap/holders.h"

namespace heapglass {
namespace {

Cell steps_of(const Heap& heap, const PathText& text) {
  Table steps{
      .key = "steps",
      .columns = {
          {"id", "id", Kind::kAddress}, {"type", "type", Kind::kText}, {"label", "label", Kind::kText}}};
  const HeapGraph& graph = heap.graph();
  for (const PathStep& s : text.steps)
    steps.rows.push_back(
        {graph.index->address(s.node), graph.types[graph.type[index(s.node)]].name, s.label});
  return Tables{std::move(steps)};
}

// Who refers to the objects, each independently of the others: they go when all of those have let go.
}  // namespace

std::optional<Table> holders_table(const Heap& heap, const RootPaths& root_paths,
                                   const std::vector<NodeId>& targets) {
  constexpr std::size_t kMostLooked = 20'000, kMostTold = 10, kHundredth = 100;
  std::vector<NodeId> some;
  const std::size_t step = std::max<std::size_t>(1, (targets.size() + kMostLooked - 1) / kMostLooked);
  for (std::size_t i = 0; i < targets.size(); i += step) some.push_back(targets[i]);
  std::vector<CommonHolder> holders = find_common_holders(heap.labels(), heap.dominators(), some);
  std::erase_if(holders, [&](const CommonHolder& each) {
    return each.objects * kHundredth < some.size() || each.objects < 2 || !root_paths.reaches(each.node);
  });
  if (holders.size() < 2) return std::nullopt;
  Table table{.key = "holders",
              .title = "Who holds them",
              .columns = {{"objects", "objects", Kind::kCount},
                          {"alone", "by it alone", Kind::kCount},
                          {"holder", "holder", Kind::kSentence},
                          {"id", "", Kind::kAddress, Audience::kPrograms}}};
  PathFormatter teller(heap.labels(), heap.view());
  std::uint64_t held = 0, alone = 0;
  for (std::size_t i = 0; i < holders.size(); ++i) {
    held += holders[i].objects;
    alone += holders[i].alone;
    if (i >= kMostTold) continue;
    table.rows.push_back({holders[i].objects, holders[i].alone,
                          teller.tell(root_paths.shortest(holders[i].node)).text,
                          heap.address(holders[i].node)});
  }
  if (held > alone)
    table.notes.push_back("what is held by several of these is freed only when all of them have dropped it");
  if (some.size() < targets.size())
    table.notes.push_back("of " + std::to_string(targets.size()) + " objects " + std::to_string(some.size()) +
                          " were looked at");
  if (holders.size() > kMostTold)
    table.notes.push_back(std::to_string(holders.size() - kMostTold) + " more hold some of them");
  return table;
}

FoundPaths find_paths(const Heap& heap, const RootPaths& root_paths, const std::vector<NodeId>& targets,
                      std::size_t count) {
  PathFormatter teller(heap.labels(), heap.view());
  FoundPaths found;
  if (targets.size() == 1) {
    for (auto& path : root_paths.shortest(targets[0], count)) {
      PathText text = teller.tell(path);
      found.paths.push_back({std::move(path), 1, heap.graph().all_bytes(index(targets[0])), std::move(text)});
    }
    found.reached = !found.paths.empty();
    found.in_all = found.paths.size();
    return found;
  }
  const auto groups =
      root_paths.groups(targets, [&](NodeId n) { return is_anonymous_collection(heap.labels(), n); });
  found.in_all = groups.size();
  for (const RootPaths::Group& group : groups) {
    found.reached += group.objects;
    if (found.paths.size() == count) continue;
    std::vector<NodeId> path = root_paths.shortest(group.example);
    PathText text = teller.tell(path, group.objects, group.merged_at);
    found.paths.push_back({std::move(path), group.objects, group.bytes, std::move(text)});
  }
  return found;
}

Table paths_table(const Heap& heap, const std::vector<FoundPath>& paths) {
  Table table{.key = "paths",
              .columns = {{"objects", "objects", Kind::kCount},
                          {"bytes", "bytes", Kind::kBytes},
                          {"text", "path", Kind::kSentence},
                          {"steps", "", Kind::kText, Audience::kPrograms}}};
  for (const FoundPath& t : paths)
    table.rows.push_back({t.objects, t.bytes, t.text.text, steps_of(heap, t.text)});
  return table;
}

}  // namespace heapglass
