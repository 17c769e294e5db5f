// heapglass objects: the objects of a type or that a condition holds for, one a line.
#include <algorithm>

#include "cmd/retained_sizes.h"
#include "cmd/root_paths_of.h"
#include "cmd/session.h"
#include "lib/analysis/expression.h"
#include "lib/analysis/object_view.h"
#include "lib/base/choices.h"
#include "lib/base/error.h"
#include "lib/python/describe.h"
#include "lib/python/weak_references.h"

namespace heapglass {

int run_objects(const std::vector<std::string>& arguments) {
  CommandLine line("objects", "the objects of a type, or of which something is true, one a line");
  std::vector<std::string> types, ids;
  std::string limit = "50", sort = "size", where;
  bool paths = false;
  auto add = line.own().add_options();
  add("type", options::value(&types)->value_name("NAME"),
      "objects of this type, module.qualname or the bare name; can be repeated");
  add("id", options::value(&ids)->value_name("ADDRESS"), "the object at this address; can be repeated");
  add("where", options::value(&where)->value_name("EXPR"),
      "only objects for which EXPR is true, such as \"size > 1MB and .user.name == 'bob'\": see heapglass "
      "help expressions");
  add("limit,n", options::value(&limit)->value_name("N"), "print N objects (default 50), 0: all");
  add("sort", options::value(&sort)->value_name("KEY"),
      "sort by size (default), retained, refcount, length or id");
  add("paths", options::bool_switch(&paths), "print the shortest root path of each object");
  if (!line.parse(arguments)) return kExitDone;
  parse_choice("--sort", sort, {"size", "retained", "refcount", "length", "id"});
  const auto most = static_cast<std::size_t>(parse_count("--limit", limit, 0, 1'000'000'000));
  const auto condition = parse_expression(where, "--where");
  const bool retained = sort == "retained" || uses_retained({&condition});
  const auto session = Session::open(line.common(), {.references = retained || paths});
  const HeapGraph& graph = session->graph();
  const Objects& objects = session->objects();
  ObjectView values(session->types(), graph, session->interpreters());

  if (retained) enable_retained_sizes(values, *session);

  std::vector<NodeId> nodes;
  if (types.empty() && ids.empty()) {
    nodes.resize(graph.nodes());
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) nodes[n] = NodeId{n};
  } else {
    nodes = session->select(types, ids);
  }
  if (condition)
    std::erase_if(nodes, [&](NodeId n) { return !condition->matches(values, graph.index->address(n)); });

  const std::size_t in_all = nodes.size();
  const std::size_t shown = most ? std::min(most, nodes.size()) : nodes.size();
  if (sort != "id") {
    // The key once for each object, not once for each comparison.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> keys(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Address a = graph.index->address(nodes[i]);
      keys[i] = {sort == "size"       ? graph.size[index(nodes[i])]
                 : sort == "retained" ? values.retained(nodes[i])
                 : sort == "refcount" ? objects.refcount(a)
                                      : values.length(a).value_or(0),
                 index(nodes[i])};
    }
    std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(shown), keys.end(),
                      [](const auto& a, const auto& b) {
                        return a.first != b.first ? a.first > b.first : a.second < b.second;
                      });
    for (std::size_t i = 0; i < shown; ++i) nodes[i] = NodeId{keys[i].second};
  }
  nodes.resize(shown);

  Document document;
  document.fields.push_back({{"matches", "", Kind::kCount, Audience::kPrograms}, std::uint64_t{in_all}});
  Table table{.key = "objects",
              .columns = {{"id", "id", Kind::kAddress},
                          {"type", "type", Kind::kText},
                          {"size", "size", Kind::kBytes},
                          {"refcount", "refcount", Kind::kCount},
                          {"weakrefs", "weakrefs", Kind::kCount, Audience::kPrograms},
                          {"length", "length", Kind::kCount, Audience::kPrograms},
                          {"gc", "gc", Kind::kText},
                          {"repr", "repr", Kind::kText}}};
  if (retained) table.columns.push_back({"retained_bytes", "retained", Kind::kBytes});
  Referrers referrers;
  std::optional<Labels> labels;
  std::optional<ExternalRootPaths> outside;
  std::optional<RootPaths> ways;
  if (paths) {
    table.columns.push_back({"path", "path", Kind::kSentence});
    referrers = reverse(graph);
    labels.emplace(session->types(), graph, referrers);
    outside.emplace(*session, *labels, values);
    ways.emplace(outside->ways());
  }
  for (const NodeId n : nodes) {
    const Address a = graph.index->address(n);
    const TypeInfo& type = *graph.types[graph.type[index(n)]].info;
    const auto length = values.length(a);
    table.rows.push_back({a, type.name, graph.size[index(n)], objects.refcount(a),
                          weak_reference_count(session->types(), a, type), length ? Cell(*length) : Cell(),
                          is_tracked(objects, a, type), short_repr(session->types(), a, type)});
    if (retained) table.rows.back().push_back(values.retained(n));
    if (paths) {
      const auto way = ways->shortest(n, 1);
      table.rows.back().push_back(way.empty() ? Cell()
                                              : Cell(PathFormatter(*labels, values).tell(way[0]).text));
    }
  }
  if (shown < in_all)
    table.notes.push_back(std::to_string(in_all - shown) + " more objects: --limit 0 shows all");
  document.sections.push_back(std::move(table));
  session->write(std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
