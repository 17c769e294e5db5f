#include "lib/heap/garbage_options.h"

#include <algorithm>

#include "lib/python/collector_lists.h"

namespace heapglass {
namespace {

// type_dealloc takes the class out of each base's tp_subclasses: a dict of weak references by the class's
// address.
void leave_bases(TypeTable& types, const HeapGraph& graph, Address type,
                 const std::function<void(NodeId)>& take) {
  const Objects& o = types.objects();
  const PyLayout& l = o.layout();
  const NodeId node = graph.index->find(type);
  if (!(graph.types[graph.type[index(node)]].info->flags & kTpTypeSubclass)) return;
  const Address bases = o.pointer(type, l.PyTypeObject.tp_bases);
  constexpr std::uint64_t kMostBases = 1000;
  const std::uint64_t n = is_null(bases) ? 0 : std::min(o.item_count(bases), kMostBases);
  for (std::uint64_t i = 0; i < n; ++i) {
    const Address base = o.pointer(bases + 8 * i, l.PyTupleObject.ob_item);
    const Address subclasses =
        types.type_field(base, l.PyTypeObject.tp_subclasses, l.static_type_state.tp_subclasses);
    if (is_null(subclasses) || graph.index->find(subclasses) == kNoNode) continue;
    o.each_item(subclasses, [&](Address key, Address reference) {
      if (o.pointer(reference, l.PyWeakReference.wr_object) != type) return;
      for (const Address each : {key, reference})
        if (const NodeId gone = graph.index->find(each); gone != kNoNode && o.refcount(each) == 1) take(gone);
    });
  }
}

}  // namespace

GarbageOptions garbage_options(TypeTable& types, const HeapGraph& graph,
                               const std::vector<PyInterpreter>& interpreters) {
  const Objects& objects = types.objects();
  GarbageOptions options;
  options.collected.resize(graph.nodes());
  ReadErrors health;
  for (const PyInterpreter& interpreter : interpreters)
    each_tracked(
        objects, interpreter,
        [&](Address a) {
          const NodeId n = graph.index->find(a);
          if (n != kNoNode) options.collected[index(n)] = true;
        },
        health, false);
  options.refcount = [&](NodeId n) { return objects.refcount(graph.index->address(n)); };
  options.immortal = [&](NodeId n) {
    return objects.python().rules.immortal_objects &&
           static_cast<std::int32_t>(objects.refcount(graph.index->address(n))) < 0;
  };
  options.takes_along = [&](NodeId n, const std::function<void(NodeId)>& take) {
    leave_bases(types, graph, graph.index->address(n), take);
  };
  return options;
}

}  // namespace heapglass
