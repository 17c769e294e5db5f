// heapglass objects: the objects of a type, one a line.
#include <algorithm>

#include "cmd/session.h"
#include "lib/base/error.h"
#include "lib/python/describe.h"

namespace heapglass {

int run_objects(const std::vector<std::string>& arguments) {
  CommandLine line("objects", "the objects of a type, one a line");
  std::vector<std::string> types, ids;
  std::string limit = "50", sort = "size";
  auto add = line.own().add_options();
  add("type", options::value(&types)->value_name("NAME"),
      "of this type, module.qualname or the bare name; again for more");
  add("id", options::value(&ids)->value_name("ADDRESS"), "the object at this address; again for more");
  add("limit,n", options::value(&limit)->value_name("N"), "this many (default 50), 0: all");
  add("sort", options::value(&sort)->value_name("KEY"), "size (default), refcount or id");
  if (!line.parse(arguments)) return kExitDone;
  if (sort != "size" && sort != "refcount" && sort != "id")
    throw Error(ErrorKind::kUsage, "--sort '" + sort + "' is none of size, refcount, id");
  const auto most = static_cast<std::size_t>(parse_count("--limit", limit, 0, 1'000'000'000));
  const auto session = Session::open(line.common(), {.references = false});
  const HeapGraph& graph = session->graph();
  const Objects& objects = session->objects();

  std::vector<NodeId> nodes;
  if (types.empty() && ids.empty()) {
    nodes.resize(graph.nodes());
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) nodes[n] = NodeId{n};
  } else {
    nodes = session->select(types, ids);
  }
  const std::size_t in_all = nodes.size();
  auto refcount = [&](NodeId n) { return objects.refcount(graph.index->address(n)); };
  const std::size_t shown = most ? std::min(most, nodes.size()) : nodes.size();
  auto first = [&](auto before) {
    std::partial_sort(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(shown), nodes.end(), before);
  };
  if (sort == "size")
    first([&](NodeId a, NodeId b) {
      const std::uint64_t x = graph.size[index(a)], y = graph.size[index(b)];
      return x != y ? x > y : index(a) < index(b);
    });
  else if (sort == "refcount")
    first([&](NodeId a, NodeId b) {
      const std::uint64_t x = refcount(a), y = refcount(b);
      return x != y ? x > y : index(a) < index(b);
    });
  nodes.resize(shown);

  Document document;
  Table table{.key = "objects",
              .columns = {{"id", "id", Kind::kAddress},
                          {"type", "type", Kind::kText},
                          {"size", "size", Kind::kBytes},
                          {"refcount", "refcount", Kind::kCount},
                          {"gc", "gc", Kind::kText},
                          {"repr", "repr", Kind::kText}}};
  for (const NodeId n : nodes) {
    const Address a = graph.index->address(n);
    const TypeInfo& type = *graph.types[graph.type[index(n)]].info;
    table.rows.push_back({a, type.name, graph.size[index(n)], objects.refcount(a),
                          is_tracked(objects, a, type), short_repr(session->types(), a, type)});
  }
  if (shown < in_all)
    table.notes.push_back(std::to_string(in_all - shown) + " more objects: --limit 0 shows all");
  document.sections.push_back(std::move(table));
  session->write(std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
