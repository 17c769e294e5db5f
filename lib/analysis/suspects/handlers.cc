// Callbacks that were added again and again and never removed: containers with many bound methods of one
// function, or many functions of one code.
#include <algorithm>
#include <map>

#include "lib/analysis/suspects/detectors.h"
#include "lib/analysis/suspects/members.h"
#include "lib/python/describe.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kFewestHandlers = 16;

// What is called in the end: the function of a bound method or a partial; null: nobody calls it.
Address called_by(const LeakSearch& search, NodeId n) {
  const Objects& o = search.objects();
  const TypeInfo& type = search.type_of(n);
  if (type.name == "builtins.method") return o.pointer(search.address(n), o.layout().PyMethodObject.im_func);
  if (type.name == "builtins.function")
    return o.pointer(search.address(n), o.layout().PyFunctionObject.func_code);
  if (type.name == "functools.partial") return named_field(o, search.address(n), type, "fn");
  return {};
}

struct Handlers {
  std::uint64_t count = 0, methods = 0;
  std::vector<NodeId> nodes;
};

// The callables in the container, of the one that is there most often. Django's signals and others keep
// (key, receiver): a tuple counts by what is in it.
Handlers commonest(const LeakSearch& search, const std::vector<NodeId>& members) {
  std::map<std::uint64_t, Handlers> by_function;
  auto add = [&](NodeId n) {
    const Address function = called_by(search, n);
    if (is_null(function)) return;
    Handlers& h = by_function[value(function)];
    ++h.count;
    h.methods += search.type_of(n).name == "builtins.method";
    h.nodes.push_back(n);
  };
  for (const NodeId n : members) {
    add(n);
    constexpr std::size_t kShort = 4;
    const auto inside = search.graph().referents(n);
    if (search.type_of(n).flags & kTpTupleSubclass && inside.size() <= kShort)
      for (const NodeId each : inside) add(each);
  }
  Handlers most;
  for (auto& [function, h] : by_function)
    if (h.count > most.count) most = std::move(h);
  return most;
}

std::string name_of(const LeakSearch& search, NodeId handler) {
  TypeTable& types = search.labels().types();
  const TypeInfo& type = search.type_of(handler);
  if (type.name == "functools.partial") {
    const Address fn = named_field(search.objects(), search.address(handler), type, "fn");
    const TypeInfo* of = types.get(search.objects().type_of(fn));
    return "partial of " + (of ? short_repr(types, fn, *of, 100) : std::string("a function"));
  }
  return (type.name == "builtins.method" ? "bound method " : "function ") +
         short_repr(types, search.address(handler), type, 100);
}

void look_at(const LeakSearch& search, NodeId n, Suspects& found) {
  const std::vector<NodeId> members = members_of(search, n);
  Handlers h = commonest(search, members);
  std::sort(h.nodes.begin(), h.nodes.end());
  h.nodes.erase(std::unique(h.nodes.begin(), h.nodes.end()), h.nodes.end());
  const std::uint64_t entries = search.values().length(search.address(n)).value_or(0);
  if (h.nodes.size() < kFewestHandlers || h.nodes.size() * 2 < entries) return;
  // The objects whose methods they are go with them, as far as nobody else needs them.
  std::vector<NodeId> all{n};
  std::vector<NodeId> owners;
  for (const NodeId handler : h.nodes) {
    all.push_back(handler);
    if (h.methods == 0) continue;
    const Address self =
        search.objects().pointer(search.address(handler), search.objects().layout().PyMethodObject.im_self);
    if (const NodeId owner = search.node(self);
        owner != kNoNode && search.type_of(handler).name == "builtins.method")
      owners.push_back(owner);
  }
  std::sort(owners.begin(), owners.end());
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  if (owners.size() >= kFewestHandlers) all.insert(all.end(), owners.begin(), owners.end());
  const std::vector<NodeId> way = search.way_to(n);
  if (way.empty()) return;
  const LeakSearch::Kept kept = search.kept_by(all);
  Suspect s{.pattern = "handlers-not-removed", .node = n, .bytes = kept.bytes, .objects = h.nodes.size()};
  s.certainty = 0.95;
  s.evidence = search.type_name(n) + " of " + in_words(entries, "entry", "entries") + ", " +
               in_words(h.nodes.size()) + " of them the " + name_of(search, h.nodes[0]);
  if (!owners.empty())
    s.evidence += " of " + in_words(owners.size()) + " different " + search.type_name(owners[0]) +
                  " objects, which it keeps alive";
  s.cure = h.methods
               ? "Remove the handler where its object is done with (unsubscribe in close() or __exit__), or "
                 "hold it as weakref.WeakMethod."
               : "Remove each callback once it was called or is no longer wanted; register one function "
                 "once and not a new one for each call.";
  s.examples.assign(h.nodes.begin(), h.nodes.begin() + 3);
  found.push_back(std::move(s));
}

}  // namespace

void find_handlers(const LeakSearch& search, Suspects& found) {
  // Containers with many callables are few: found from the callables' side.
  std::vector<std::uint32_t> callables(search.graph().nodes());
  std::vector<NodeId> containers;
  auto count_holder = [&](NodeId holder) {
    if (is_growing_container(search.type_of(holder)) && ++callables[index(holder)] == kFewestHandlers)
      containers.push_back(holder);
  };
  for (const char* type : {"builtins.method", "builtins.function", "functools.partial"})
    for (const NodeId n : search.nodes_of(type))
      for (const NodeId holder : search.labels().referrers().of(n)) {
        count_holder(holder);
        if (search.type_of(holder).flags & kTpTupleSubclass)
          for (const NodeId outer : search.labels().referrers().of(holder)) count_holder(outer);
      }
  for (const NodeId n : containers)
    if (!is_claimed(found, n) && !search.labels().is_namespace(n)) look_at(search, n, found);
}

}  // namespace heapglass
