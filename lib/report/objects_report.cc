#include "lib/report/objects_report.h"

#include <algorithm>

#include "lib/heap/external_bytes.h"
#include "lib/heap/object_view.h"
#include "lib/heap/path_text.h"
#include "lib/python/collector_lists.h"
#include "lib/python/describe.h"
#include "lib/python/weak_references.h"
#include "lib/report/rows_left.h"

namespace heapglass {
namespace {

// The shortest path from a root; empty where there is none.
Cell path_to(const Heap& heap, NodeId object) {
  const std::vector<NodeId> path = heap.root_paths().shortest(object);
  if (path.empty()) return {};
  return PathFormatter(heap.labels(), heap.view()).tell(path).text;
}

// Puts the `shown` nodes with the largest keys first; what is behind them is not used.
void put_largest_first(const Heap& heap, ObjectsSort sort, std::size_t shown, std::vector<NodeId>& nodes) {
  const HeapGraph& graph = heap.graph();
  const ObjectView& values = heap.view();
  // The key once for each object, not once for each comparison.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> keys(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Address a = graph.index->address(nodes[i]);
    keys[i] = {sort == ObjectsSort::kSize       ? graph.all_bytes(index(nodes[i]))
               : sort == ObjectsSort::kRetained ? values.retained(nodes[i])
               : sort == ObjectsSort::kRefcount ? heap.objects().refcount(a)
                                                : values.length(a).value_or(0),
               index(nodes[i])};
  }
  std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(shown), keys.end(),
                    [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : a.second < b.second;
                    });
  for (std::size_t i = 0; i < shown; ++i) nodes[i] = NodeId{keys[i].second};
}

}  // namespace

Document objects_document(const Heap& heap, const ObjectsAsked& asked) {
  const bool retained = asked.wants_retained();
  const HeapGraph& graph = heap.graph();
  const Objects& objects = heap.objects();
  const ObjectView& values = heap.view();

  std::vector<NodeId> nodes;
  if (asked.types.empty() && asked.ids.empty()) {
    nodes.resize(graph.nodes());
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) nodes[n] = NodeId{n};
  } else {
    nodes = heap.select(asked.types, asked.ids);
  }
  if (asked.condition)
    std::erase_if(nodes,
                  [&](NodeId n) { return !asked.condition->matches(values, graph.index->address(n)); });

  const std::size_t in_all = nodes.size();
  const std::size_t shown = asked.most ? std::min(asked.most, nodes.size()) : nodes.size();
  if (asked.sort != ObjectsSort::kId) put_largest_first(heap, asked.sort, shown, nodes);
  nodes.resize(shown);

  Document document;
  document.fields.push_back({{"matches", "", Kind::kCount, Audience::kPrograms}, std::uint64_t{in_all}});
  Table table{.key = "objects",
              .columns = {{"id", "id", Kind::kAddress},
                          {"type", "type", Kind::kText},
                          {"size", "size", Kind::kBytes},
                          {"external_bytes", "external", Kind::kBytes},
                          {"refcount", "refcount", Kind::kCount},
                          {"weakrefs", "weakrefs", Kind::kCount, Audience::kPrograms},
                          {"length", "length", Kind::kCount, Audience::kPrograms},
                          {"gc", "gc", Kind::kText},
                          {"repr", "repr", Kind::kText}}};
  if (retained) table.columns.push_back({"retained_bytes", "retained", Kind::kBytes});
  if (asked.paths) table.columns.push_back({"path", "path", Kind::kSentence});
  for (const NodeId n : nodes) {
    const Address a = graph.index->address(n);
    const TypeInfo& type = *graph.types[graph.type[index(n)]].info;
    const auto length = values.length(a);
    Row row{a,
            type.name,
            graph.size[index(n)],
            buffers_of(graph, objects, n).all,
            objects.refcount(a),
            weak_reference_count(heap.types(), a, type),
            length ? Cell(*length) : Cell(),
            is_tracked(objects, a, type),
            short_repr(heap.types(), a, type)};
    if (retained) row.emplace_back(values.retained(n));
    if (asked.paths) row.push_back(path_to(heap, n));
    table.rows.push_back(std::move(row));
  }
  if (shown < in_all) table.notes.push_back(rows_left(in_all - shown, "object") + ": --limit 0 shows all");
  document.sections.push_back(std::move(table));
  return document;
}

}  // namespace heapglass
