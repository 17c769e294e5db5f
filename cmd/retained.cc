// heapglass retained: which objects and types keep the most alive that nothing else does.
#include <algorithm>

#include "cmd/command.h"
#include "lib/graph/dominator_walk.h"
#include "lib/graph/dominators.h"
#include "lib/heap/external_roots.h"
#include "lib/heap/owner_paths.h"
#include "lib/heap/path_text.h"
#include "lib/open/open_heap.h"
#include "lib/python/describe.h"
#include "lib/render/output_options.h"
#include "lib/report/owner_profile.h"
#include "lib/report/write_answer.h"

namespace heapglass {
namespace {

// The dominator tree from some objects down, an object a row; indented for people.
Table tree_of(const Heap& s, const std::vector<NodeId>& chosen, unsigned depth, std::size_t most) {
  const HeapGraph& graph = s.graph();
  const Dominators& dominators = s.dominators();
  Labels& labels = s.labels();
  const ObjectView& values = s.view();
  const DominatorWalk walk(graph, dominators);
  Table tree{.key = "tree",
             .title = "who alone keeps what",
             .columns = {{"retained_bytes", "retained", Kind::kBytes},
                         {"retained_objects", "objects", Kind::kCount},
                         {"size", "size", Kind::kBytes},
                         {"id", "id", Kind::kAddress},
                         {"depth", "", Kind::kPlainNumber, Audience::kPrograms},
                         {"type", "", Kind::kText, Audience::kPrograms},
                         {"label", "", Kind::kText, Audience::kPrograms},
                         {"more", "", Kind::kCount, Audience::kPrograms},
                         {"what", "what", Kind::kText, Audience::kPeople}}};
  for (const DominatorWalk::Step& step :
       walk.walk(chosen.empty() ? walk.retained_by_set(kNoNode) : chosen, depth, most)) {
    const std::string indent(2 * std::size_t{step.depth}, ' ');
    if (step.node == kNoNode) {
      tree.rows.push_back({step.bytes, Cell(), Cell(), Cell(), step.depth, Cell(), Cell(), step.more,
                           indent + std::to_string(step.more) + " more: --limit 0 shows all"});
      continue;
    }
    const NodeId n = step.node, holder = dominators.dominator(n);
    std::string label;
    if (holder != kNoNode && step.depth > 0)
      for (const Labels::Label& each : labels.between(holder, n))
        if (label.empty()) label = each.text;
    const std::string described = describe_owner(labels, values, n);
    const std::string& type = labels.type_of(n).name;
    const std::string what = described.empty()
                                 ? type + " " + short_repr(s.types(), labels.address(n), labels.type_of(n))
                                 : described;
    tree.rows.push_back({dominators.retained_bytes(n), std::uint64_t{dominators.retained_objects(n)},
                         graph.size[index(n)], labels.address(n), step.depth, type,
                         label.empty() ? Cell() : Cell(label), Cell(),
                         indent + (label.empty() ? what : label + ": " + what)});
  }
  return tree;
}

// By what each is reached first: "module app -> cache". Of so many that people read them.
std::vector<Cell> paths_of(const Heap& s, const std::vector<NodeId>& nodes) {
  constexpr std::size_t kMost = 1000;
  std::vector<Cell> paths(nodes.size());
  if (nodes.size() > kMost) return paths;
  const RootPaths& root_paths = s.root_paths();
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (const std::vector<NodeId> path = root_paths.shortest(nodes[i]); !path.empty())
      paths[i] = PathFormatter(s.labels(), s.view()).tell(path).text;
  return paths;
}

}  // namespace

int run_retained(const std::vector<std::string>& arguments) {
  CommandLine line("retained", "which objects and types keep the most alive: what would be freed with each");
  std::size_t most = 20;
  unsigned levels = 4;
  bool tree = false;
  std::vector<std::string> types;
  std::vector<Address> ids;
  line.option("type", &types, "NAME",
              "only objects of this type, module.qualname or the bare name; can be repeated");
  line.option("id", &ids, "only the object at this address; can be repeated");
  line.count("limit,n", &most, 0, kMostRows, "print N objects and types (default 20), 0: all");
  line.flag(
      "tree", &tree,
      "print the dominator tree: under each object those that it alone keeps alive, from the objects of "
      "--type or --id, else from those without a dominator; --limit is for each level");
  line.count("depth", &levels, 0, 1'000'000, "print N levels of the tree (default 4)");
  if (!line.parse(arguments)) return kExitDone;
  const auto heap = open_heap(line.common(), {});
  const HeapGraph& graph = heap->graph();
  const ExternalRoots& outside = heap->external_roots();
  const Dominators& dominators = heap->dominators();

  if (wants_profile(line.common())) {
    Document document;
    constexpr unsigned kDeepest = 200;  // names of a path; browsers draw no deeper
    document.sections.push_back(owner_profile(*heap, kDeepest));
    write_answer(*heap, std::move(document), line.common());
    return kExitDone;
  }

  std::vector<NodeId> nodes;
  if (tree) {
    if (!types.empty() || !ids.empty()) nodes = heap->select(types, ids);
    std::stable_sort(nodes.begin(), nodes.end(), [&](NodeId a, NodeId b) {
      return dominators.retained_bytes(a) > dominators.retained_bytes(b);
    });
    Document document;
    document.sections.push_back(tree_of(*heap, nodes, levels, most));
    write_answer(*heap, std::move(document), line.common());
    return kExitDone;
  }
  if (types.empty() && ids.empty()) {
    nodes.resize(graph.nodes());
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) nodes[n] = NodeId{n};
  } else {
    nodes = heap->select(types, ids);
  }
  const std::size_t in_all = nodes.size();
  const std::size_t shown = most ? std::min(most, in_all) : in_all;
  std::partial_sort(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(shown), nodes.end(),
                    [&](NodeId a, NodeId b) {
                      const std::uint64_t x = dominators.retained_bytes(a), y = dominators.retained_bytes(b);
                      return x != y ? x > y : index(a) < index(b);
                    });
  nodes.resize(shown);

  Document document;
  Table objects{.key = "objects",
                .columns = {{"id", "id", Kind::kAddress},
                            {"type", "type", Kind::kText},
                            {"retained_bytes", "retained", Kind::kBytes},
                            {"retained_objects", "objects", Kind::kCount, Audience::kAll, 1},
                            {"size", "size", Kind::kBytes, Audience::kAll, 2},
                            {"repr", "repr", Kind::kText},
                            {"path", "reached by", Kind::kText}}};
  const std::vector<Cell> paths = paths_of(*heap, nodes);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeId n = nodes[i];
    const Address a = graph.index->address(n);
    const GraphType& type = graph.types[graph.type[index(n)]];
    objects.rows.push_back({a, type.name, dominators.retained_bytes(n),
                            std::uint64_t{dominators.retained_objects(n)}, graph.size[index(n)],
                            short_repr(heap->types(), a, *type.info), paths[i]});
  }
  if (shown < in_all)
    objects.notes.push_back(std::to_string(in_all - shown) + " more objects: --limit 0 shows all");
  document.sections.push_back(std::move(objects));

  document.notes.push_back(std::to_string(outside.counted_objects) + " objects are counted " +
                           std::to_string(outside.counted_references) +
                           " times more often than references to them were found: C code holds them, so "
                           "nobody retains them alone");
  if (dominators.unreached() > 0)
    document.notes.push_back(
        std::to_string(dominators.unreached()) +
        " objects are held by nothing from outside: garbage that a collection would free");
  write_answer(*heap, std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
