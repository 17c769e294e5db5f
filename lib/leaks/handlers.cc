// Callbacks that were added again and again and never removed: containers with many bound methods of one
// function, or many functions of one code.
#include <algorithm>
#include <map>

#include "lib/heap/wrapped_containers.h"
#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"
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

// What the standard library makes around a callable that is to be called later, without attributes of its
// own: asyncio's timers, events of sched, what weakref.finalize notes.
bool is_wrapper(const LeakSearch& search, NodeId n) {
  const TypeInfo& type = search.type_of(n);
  return type.flags & kTpHeapType && !(type.flags & (kTpTypeSubclass | kTpManagedDict)) &&
         type.dictoffset == 0 && !is_growing_container(type) &&
         search.origin_of_class(type.address) == Origin::kStandard;
}

struct Handlers {
  std::uint64_t count = 0, methods = 0;
  std::vector<NodeId> nodes, wrappers;
};

// The callables in the container, of the one that is there most often. Django's signals and others keep
// (key, receiver): a tuple counts by what is in it, and so does what the standard library makes around one.
Handlers commonest(const LeakSearch& search, const std::vector<NodeId>& members) {
  std::map<std::uint64_t, Handlers> by_function;
  auto add = [&](NodeId n, NodeId wrapper) {
    const Address function = called_by(search, n);
    if (is_null(function) || is_of_definition(search, n)) return;
    Handlers& h = by_function[value(function)];
    ++h.count;
    h.methods += search.type_of(n).name == "builtins.method";
    h.nodes.push_back(n);
    if (wrapper != kNoNode) h.wrappers.push_back(wrapper);
  };
  for (const NodeId n : members) {
    add(n, kNoNode);
    constexpr std::size_t kShort = 4, kFewFields = 12;
    const auto inside = search.graph().referents(n);
    if (search.type_of(n).flags & kTpTupleSubclass && inside.size() <= kShort) {
      for (const NodeId each : inside) add(each, kNoNode);
    } else if (inside.size() <= kFewFields && is_wrapper(search, n)) {
      for (const NodeId each : inside)
        if (search.dominators().dominator(each) == n) add(each, n);
    }
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

// The objects whose methods they are, each once.
std::vector<NodeId> owners_of(const LeakSearch& search, const Handlers& h) {
  std::vector<NodeId> owners;
  if (h.methods == 0) return owners;
  for (const NodeId handler : h.nodes) {
    if (search.type_of(handler).name != "builtins.method") continue;
    const Address self =
        search.objects().pointer(search.address(handler), search.objects().layout().PyMethodObject.im_self);
    if (const NodeId owner = search.node(self); owner != kNoNode) owners.push_back(owner);
  }
  std::sort(owners.begin(), owners.end());
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  return owners;
}

// Handlers and what holds them, which goes with them.
Suspect suspect_of(const LeakSearch& search, const Handlers& h, std::vector<NodeId> all,
                   const std::string& where) {
  const std::vector<NodeId> owners = owners_of(search, h);
  all.insert(all.end(), h.nodes.begin(), h.nodes.end());
  all.insert(all.end(), h.wrappers.begin(), h.wrappers.end());
  // The objects whose methods they are go with them, as far as nobody else needs them.
  if (owners.size() >= kFewestHandlers) all.insert(all.end(), owners.begin(), owners.end());
  Suspect s{
      .pattern = "handlers-not-removed", .bytes = search.retained_by_set(all).bytes, .objects = h.count};
  s.certainty = 0.95;
  s.evidence = where + ", " + format_count(h.count) + " of them " +
               (h.wrappers.empty() ? "" : search.type_name(h.wrappers[0]) + " with ") + "the " +
               name_of(search, h.nodes[0]);
  if (!owners.empty())
    s.evidence += " of " + format_count(owners.size()) + " different " + search.type_name(owners[0]) +
                  " objects, which it keeps alive";
  s.cure =
      !h.wrappers.empty()
          ? "Cancel each where its object is done with (the cancel() of what call_later() and enterabs() "
            "return), or let it call something that does not hold the object, such as a weakref.WeakMethod."
      : h.methods
          ? "Remove the handler where its object is done with (unsubscribe in close() or __exit__), or "
            "hold it as weakref.WeakMethod."
          : "Remove each callback once it was called or is no longer wanted; register one function "
            "once and not a new one for each call.";
  for (std::size_t i = 0; i < std::min<std::size_t>(h.nodes.size(), 3); ++i) s.examples.push_back(h.nodes[i]);
  return s;
}

void add_handlers(const LeakSearch& search, NodeId n, Suspects& found) {
  const std::vector<NodeId> members = members_of(search, n);
  Handlers h = commonest(search, members);
  std::sort(h.nodes.begin(), h.nodes.end());
  h.nodes.erase(std::unique(h.nodes.begin(), h.nodes.end()), h.nodes.end());
  h.count = h.nodes.size();
  const std::uint64_t entries = search.values().length(search.address(n)).value_or(0);
  if (h.count < kFewestHandlers || h.count * 2 < entries) return;
  if (!h.wrappers.empty()) {
    // A timer of an object that others need, too, keeps nothing alive.
    const std::vector<NodeId> owners = owners_of(search, h);
    const auto kept = std::count_if(owners.begin(), owners.end(), [&](NodeId owner) {
      return std::binary_search(h.nodes.begin(), h.nodes.end(), search.dominators().dominator(owner));
    });
    if (static_cast<std::size_t>(kept) * 2 < owners.size()) return;
  }
  // Its entries go with their values, which others keep.
  if (wrapper_of(search.labels(), n).kind == WrapperKind::kWeakValues) return;
  const std::vector<NodeId> path = search.path_to(n);
  if (path.empty()) return;
  Suspect s =
      suspect_of(search, h, {n}, search.type_name(n) + " of " + format_count(entries, "entry", "entries"));
  // What a library has registered with itself is there from the start.
  constexpr std::uint64_t kFiftieth = 50;
  if (search.origin_of(path) != Origin::kApplication && s.bytes < search.heap_bytes() / kFiftieth) return;
  found.push_back(std::move(s));
  found.back().node = n;
}

// What atexit.register() was given: a list has it from 3.14 on, a C array from 3.10 on, the module before.
void look_at_exit(const LeakSearch& search, Suspects& found) {
  std::vector<NodeId> registered;
  NodeId list = kNoNode;
  for (const GraphRoot& root : search.graph().roots) {
    if (root.holder == "atexit") registered.push_back(root.node);
    if (root.edge.kind == EdgeKind::kField &&
        edge_label(search.labels().types(), root.edge, false) == "atexit.callbacks")
      list = root.node;
  }
  if (list != kNoNode) registered = members_of(search, list);
  if (const NodeId module = search.module("atexit"); registered.empty() && module != kNoNode)
    for (const Edge& e : search.labels().references_of(module))
      if (const NodeId n = search.node(e.referent); n != kNoNode && e.kind != EdgeKind::kDict)
        registered.push_back(n);
  const Handlers h = commonest(search, registered);
  if (h.count < kFewestHandlers) return;
  found.push_back(suspect_of(search, h, registered, "atexit.register() was called again and again"));
  found.back().node = list;
  found.back().owner = "atexit";
  found.back().covers = h.nodes;
  found.back().cure =
      "Register one function once, or atexit.unregister() what is no longer wanted; weakref.finalize() calls "
      "one when its object goes, and does not keep it.";
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
        if (search.type_of(holder).flags & kTpTupleSubclass || is_wrapper(search, holder))
          for (const NodeId outer : search.labels().referrers().of(holder)) count_holder(outer);
      }
  look_at_exit(search, found);
  for (const NodeId n : containers)
    if (!is_already_reported(found, n) && !search.labels().is_namespace(n)) add_handlers(search, n, found);
}

}  // namespace heapglass
