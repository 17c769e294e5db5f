// Garbage that is not collected: cycles with a __del__, and much garbage at all.
#include <algorithm>
#include <map>

#include "lib/heap/objgraph_labels.h"
#include "lib/leaks/detectors.h"

namespace heapglass {
namespace {

struct OfClass {
  std::uint64_t objects = 0, bytes = 0;
  NodeId example = kNoNode;
};

// What nothing leads to and what no collection will free: cycles that gc.freeze() took off the collector's
// lists while something still led there, or before a collection came.
void find_frozen(const LeakSearch& search, Suspects& found) {
  constexpr std::uint64_t kTwentieth = 20;
  const HeapGraph& graph = search.graph();
  OfClass frozen;
  for (std::uint32_t i = 0; i < graph.nodes(); ++i) {
    const NodeId n{i};
    if (search.clues().root_paths.reaches(n) || search.is_garbage(n)) continue;
    ++frozen.objects;
    frozen.bytes += graph.all_bytes(i);
    if (frozen.example == kNoNode && search.type_of(n).flags & kTpHeapType &&
        !(search.type_of(n).flags & kTpTypeSubclass))
      frozen.example = n;
  }
  if (frozen.bytes * kTwentieth < search.heap_bytes() || frozen.example == kNoNode) return;
  Suspect s{.pattern = "uncollected-garbage", .node = frozen.example};
  s.owner = "garbage, " + search.type_name(frozen.example) + " and others";
  s.bytes = frozen.bytes;
  s.objects = frozen.objects;
  s.certainty = 0.9;
  s.evidence =
      format_count(frozen.objects, "object", "objects") +
      " that nothing from outside leads to, and that no collection looks at: gc.freeze() has taken them "
      "off its lists";
  s.cure =
      "Call gc.collect() before gc.freeze(), and gc.freeze() once, before the workers are forked; what is "
      "frozen "
      "comes back with gc.unfreeze(). heapglass objects shows what it is.";
  s.path = "nothing from outside leads there: garbage";
  found.push_back(std::move(s));
}

}  // namespace

void find_cycles_with_del(const LeakSearch& search, Suspects& found) {
  find_frozen(search, found);
  bool enabled = true;
  for (const PyInterpreter& interpreter : search.clues().interpreters) enabled &= interpreter.gc_enabled;
  std::map<std::string, OfClass> with_del;
  OfClass others;
  std::map<std::uint32_t, bool> type_has_del;
  for (const Garbage::Component& c : search.clues().garbage.components) {
    std::string class_name;
    NodeId example = c.nodes[0];
    std::uint64_t finalizers = 0;
    for (const NodeId n : c.nodes) {
      const TypeInfo& type = search.type_of(n);
      if (!(type.flags & kTpHeapType)) continue;
      const auto [at, is_new] = type_has_del.try_emplace(type.index, false);
      if (is_new) at->second = has_python_del(search.labels().types(), search.address(n));
      if (!at->second) continue;
      if (finalizers++ == 0) {
        class_name = type.name;
        example = n;
      }
    }
    OfClass& row = finalizers ? with_del[class_name] : others;
    row.objects += finalizers ? finalizers : c.nodes.size();
    row.bytes += c.bytes;
    if (row.example == kNoNode) row.example = example;
  }
  const std::string gc =
      enabled ? "a collection that has not come yet, or was told not to look (gc.freeze()), would free them"
              : "the cyclic collector is disabled, so nobody frees them";
  for (const auto& [name, row] : with_del) {
    Suspect s{.pattern = "cycle-with-del", .node = row.example, .owner = name};
    s.bytes = row.bytes;
    s.objects = row.objects;
    s.certainty = enabled ? 0.8 : 0.95;
    s.evidence = format_count(row.objects, "object", "objects") + " of " + name +
                 ", which has a __del__, in cycles that nothing from outside leads to; " + gc;
    s.cure =
        "Break the cycle (hold the way back as weakref.ref), or do the cleaning up in close() or a with "
        "block, or by weakref.finalize, and not in __del__" +
        std::string(enabled ? "." : "; and gc.enable(), or gc.collect() at quiet moments.");
    s.path = "nothing from outside leads there: garbage";
    found.push_back(std::move(s));
  }
  if (others.bytes * 20 < search.heap_bytes() || others.example == kNoNode) return;
  Suspect s{.pattern = "uncollected-garbage", .node = others.example};
  s.owner = "garbage, " + search.type_name(others.example) + " and others";
  s.bytes = others.bytes;
  s.objects = others.objects;
  s.certainty = enabled ? 0.3 : 0.9;
  s.evidence =
      format_count(others.objects, "object", "objects") + " that nothing from outside leads to; " + gc;
  s.cure = enabled ? "Nothing, if it goes with the next full collection; else look why that does not come: "
                     "gc.freeze(), or a "
                     "gc.set_threshold() that is too high. heapglass garbage shows what it is."
                   : "gc.enable(), or gc.collect() at quiet moments; heapglass garbage shows what it is.";
  s.path = "nothing from outside leads there: garbage";
  found.push_back(std::move(s));
}

}  // namespace heapglass
