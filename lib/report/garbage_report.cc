#include "lib/report/garbage_report.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "lib/base/error.h"
#include "lib/graph/garbage.h"
#include "lib/heap/objgraph_labels.h"
#include "lib/python/describe.h"
#include "lib/report/graph_drawer.h"
#include "lib/report/rows_left.h"
#include "lib/snapshot/saved_leaked_references.h"
#include "lib/target/freeze.h"

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
  order.reserve(counts.size());
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

// By object of the garbage: how many weak references with a callback lead to it whose callbacks a collection
// would call. Those that are garbage themselves are cleared before (handle_weakrefs, Modules/gcmodule.c).
std::unordered_map<std::uint32_t, std::uint64_t> callbacks_of(const Heap& s, const Garbage& garbage) {
  const HeapGraph& graph = s.graph();
  std::vector<bool> freed(graph.nodes());
  for (const NodeId n : garbage.freed) freed[index(n)] = true;
  std::unordered_map<std::uint32_t, std::uint64_t> out;
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
    if (freed[n]) continue;
    for (std::uint64_t e = graph.first_edge[n]; e < graph.first_edge[n + 1]; ++e) {
      if (graph.edge_class[e] != EdgeClass::kWeak || !freed[index(graph.referent[e])]) continue;
      const Address callback = s.objects().pointer(graph.index->address(NodeId{n}),
                                                   s.objects().layout().PyWeakReference.wr_callback);
      if (!is_null(callback)) ++out[index(graph.referent[e])];
    }
  }
  return out;
}

// What is in gc.garbage: found unreachable once, and kept, by gc.DEBUG_SAVEALL or a tp_del of C code.
Table uncollectable(const Heap& s, std::size_t most) {
  const Objects& o = s.objects();
  const PyLayout& l = o.layout();
  Table table{.key = "gc_garbage",
              .title = "in gc.garbage, which no collection frees",
              .columns = {{"id", "id", Kind::kAddress}, {"type", "type"}, {"repr", "repr"}}};
  for (const PyInterpreter& interpreter : s.interpreters()) {
    const Address list = o.pointer(interpreter.gc, l.gc_runtime_state.garbage);
    const TypeInfo* list_type = is_null(list) ? nullptr : s.types().get(o.type_of(list));
    if (!list_type || !(list_type->flags & kTpListSubclass)) continue;
    const std::uint64_t n = o.item_count(list);
    const std::uint64_t shown = most ? std::min<std::uint64_t>(most, n) : n;
    const Address items = o.pointer(list, l.PyListObject.ob_item);
    for (std::uint64_t i = 0; i < shown && o.image().at(items + 8 * i, 8); ++i) {
      const Address a = o.pointer(items + 8 * i, 0);
      const TypeInfo* type = s.types().get(o.type_of(a));
      if (type) table.rows.push_back({a, type->name, short_repr(s.types(), a, *type)});
    }
    if (shown < n) table.notes.push_back(std::to_string(n - shown) + " more: --limit 0 shows all");
  }
  return table;
}

// Groups that nobody would tell apart, as one row: a leak makes thousands of them.
struct Alike {
  std::uint64_t groups = 0, objects = 0, bytes = 0, finalizers = 0,
                callbacks = 0;  // each but the first of one
  const Garbage::Component* first = nullptr;
  std::string types;
};
// Those that have most first.
std::vector<Alike> alike_groups(const Heap& s, const Garbage& garbage) {
  const auto callbacks = callbacks_of(s, garbage);
  using Key = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::string>;
  std::map<Key, std::size_t> known;
  std::vector<Alike> rows;
  for (const Garbage::Component& c : garbage.components) {
    Alike row{.groups = 1, .objects = c.nodes.size(), .bytes = c.bytes, .first = &c};
    for (const NodeId n : c.nodes) {
      row.finalizers += has_python_del(s.types(), s.graph().index->address(n));
      if (const auto at = callbacks.find(index(n)); at != callbacks.end()) row.callbacks += at->second;
    }
    row.types = types_in_words(s.graph(), c.nodes);
    const auto [at, is_new] =
        known.try_emplace({row.objects, row.bytes, row.finalizers, row.callbacks, row.types}, rows.size());
    if (is_new)
      rows.push_back(std::move(row));
    else
      ++rows[at->second].groups;
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Alike& a, const Alike& b) { return a.groups * a.bytes > b.groups * b.bytes; });
  return rows;
}

Picture draw_group(const Heap& s, const Alike& alike, std::size_t number, std::size_t most) {
  const Garbage::Component& component = *alike.first;
  GraphDrawer maker(s, {});
  const std::string which = number == 1 ? "The group" : "Group " + std::to_string(number);
  Picture picture{
      .title = which + " of garbage" + (number == 1 ? " that most is in, in " : " in ") + s.target().name(),
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
  if (alike.groups > 1)
    picture.notes.push_back("one of " + std::to_string(alike.groups) + " groups that are alike");
  if (component.nodes.size() > picture.nodes.size())
    picture.notes.push_back(std::to_string(component.nodes.size() - picture.nodes.size()) +
                            " more objects of it are not drawn: --max-nodes N draws more");
  return picture;
}

}  // namespace

Document leaked_references_document(const Heap& s, std::size_t most) {
  const HeapGraph& graph = s.graph();
  struct Lost {
    std::uint64_t objects = 0, references = 0, bytes = 0;
    NodeId example{};
  };
  std::map<std::string, Lost> by_type;
  Lost all;
  for (const LeakedReferences& each : leaked_references_of(s)) {
    Lost& row = by_type[graph.types[graph.type[index(each.object)]].name];
    if (row.objects == 0) row.example = each.object;
    for (Lost* r : {&row, &all}) {
      ++r->objects;
      r->references += each.references;
      r->bytes += graph.all_bytes(index(each.object));
    }
  }
  std::vector<std::pair<std::string, Lost>> rows(by_type.begin(), by_type.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.references > b.second.references; });
  Table table{.key = "held_by_c",
              .title = "counted, and held by nothing",
              .columns = {{"type", "type"},
                          {"count", "objects", Kind::kCount},
                          {"references", "references lost", Kind::kCount},
                          {"bytes", "bytes", Kind::kBytes},
                          {"id", "one of them", Kind::kAddress}}};
  for (const auto& [name, row] : rows) {
    if (most && table.rows.size() == most) break;
    table.rows.push_back({name, row.objects, row.references, row.bytes, graph.index->address(row.example)});
  }
  table.totals = Row{"all", all.objects, all.references, all.bytes, Cell()};
  if (rows.size() > table.rows.size())
    table.notes.push_back(rows_left(rows.size() - table.rows.size(), "type") + ": --limit 0 shows all");
  Document document;
  document.fields.push_back(
      {{"total", "", Kind::kText, Audience::kPrograms},
       Record{{{"objects"}, all.objects}, {{"references"}, all.references}, {{"bytes"}, all.bytes}}});
  document.sections.push_back(std::move(table));
  document.notes.push_back(
      "a word anywhere in the memory that looks like an object's address counts as one that holds it, so "
      "what "
      "C code has lost may be more than this");
  if (s.capture().freeze == name_of(FreezeMode::kNone))
    document.notes.push_back(
        "read while it ran: what only a register holds, or moves meanwhile, is among these");
  return document;
}

Picture garbage_picture(const Heap& s, std::size_t drawn, std::size_t most_nodes) {
  const Garbage& garbage = s.garbage();
  if (garbage.components.empty())
    throw Error(ErrorKind::kUsage, "there is no garbage to draw in " + s.target().name());
  const std::vector<Alike> alike = alike_groups(s, garbage);
  if (drawn > alike.size())
    throw Error(ErrorKind::kUsage, "there are " + std::to_string(alike.size()) +
                                       " kinds of groups of garbage in " + s.target().name() +
                                       ", none is number " + std::to_string(drawn));
  return draw_group(s, alike[drawn - 1], drawn, most_nodes);
}

Document garbage_document(const Heap& s, std::size_t most) {
  const HeapGraph& graph = s.graph();
  const Garbage& garbage = s.garbage();

  std::map<std::string, OfType> by_type;
  std::uint64_t bytes = 0;
  for (const NodeId n : garbage.freed) {
    OfType& row = by_type[graph.types[graph.type[index(n)]].name];
    ++row.count;
    row.bytes += graph.all_bytes(index(n));
    bytes += graph.all_bytes(index(n));
  }
  std::vector<std::pair<std::string, OfType>> rows(by_type.begin(), by_type.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  const std::size_t types_in_all = rows.size();
  if (most && rows.size() > most) rows.resize(most);

  Document document;
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
    types.notes.push_back(rows_left(types_in_all - rows.size(), "type") + ": --limit 0 shows all");
  document.sections.push_back(std::move(types));

  Table groups{.key = "components",
               .title = "in groups that hold together",
               .columns = {{"count", "alike", Kind::kCount},
                           {"objects", "objects each", Kind::kCount},
                           {"bytes", "bytes each", Kind::kBytes},
                           {"finalizers", "with __del__", Kind::kCount},
                           {"callbacks", "weakref callbacks", Kind::kCount, Audience::kAll, 1},
                           {"id", "one of them", Kind::kAddress},
                           {"types", "types", Kind::kSentence}}};
  const std::vector<Alike> alike = alike_groups(s, garbage);
  const std::size_t shown = most ? std::min(most, alike.size()) : alike.size();
  for (std::size_t i = 0; i < shown; ++i) {
    const Alike& row = alike[i];
    groups.rows.push_back({row.groups, row.objects, row.bytes, row.finalizers, row.callbacks,
                           graph.index->address(row.first->nodes[0]), row.types});
  }
  if (shown < alike.size())
    groups.notes.push_back(std::to_string(alike.size() - shown) +
                           " more kinds of groups: --limit 0 shows all");
  document.sections.push_back(std::move(groups));
  if (Table kept = uncollectable(s, most); !kept.rows.empty()) document.sections.push_back(std::move(kept));
  document.notes.push_back(
      std::to_string(garbage.unreachable.size()) +
      " of them the collector itself would find (gc.collect() returns that), the others go with "
      "them; a finalizer may keep some");
  return document;
}

}  // namespace heapglass
