// heapglass retained: which objects and types keep the most alive that nothing else does.
#include <algorithm>

#include "cmd/session.h"
#include "lib/analysis/dominators.h"
#include "lib/analysis/held_from_outside.h"
#include "lib/base/error.h"
#include "lib/python/describe.h"

namespace heapglass {

int run_retained(const std::vector<std::string>& arguments) {
  CommandLine line("retained", "which objects and types keep the most alive: what would be freed with each");
  std::string limit = "20";
  std::vector<std::string> types, ids;
  auto add = line.own().add_options();
  add("type", options::value(&types)->value_name("NAME"),
      "only objects of this type, module.qualname or the bare name; again for more");
  add("id", options::value(&ids)->value_name("ADDRESS"), "only the object at this address; again for more");
  add("limit,n", options::value(&limit)->value_name("N"), "this many objects and types (default 20), 0: all");
  if (!line.parse(arguments)) return kExitDone;
  const auto most = static_cast<std::size_t>(parse_count("--limit", limit, 0, 1'000'000'000));
  const auto session = Session::open(line.common(), {});
  const HeapGraph& graph = session->graph();
  const HeldFromOutside outside = held_from_outside(graph, session->objects());
  const Dominators dominators(graph, outside.held);

  std::vector<NodeId> nodes;
  if (types.empty() && ids.empty()) {
    nodes.resize(graph.nodes());
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) nodes[n] = NodeId{n};
  } else {
    nodes = session->select(types, ids);
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
                            {"retained_objects", "objects", Kind::kCount},
                            {"size", "size", Kind::kBytes},
                            {"repr", "repr", Kind::kText}}};
  for (const NodeId n : nodes) {
    const Address a = graph.index->address(n);
    const GraphType& type = graph.types[graph.type[index(n)]];
    objects.rows.push_back({a, type.name, dominators.retained_bytes(n),
                            std::uint64_t{dominators.retained_objects(n)}, graph.size[index(n)],
                            short_repr(session->types(), a, *type.info)});
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
  session->write(std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
