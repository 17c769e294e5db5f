// Weak references with a callback of their own each: the callback is not weak, and keeps what it needs.
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

// Each thread of an executor has one: find_threads() tells of executors.
constexpr std::string_view kOfExecutors = "ThreadPoolExecutor._adjust_thread_count.";

// What is the same in callbacks that are alike: the function of a method or partial, the code of a function,
// the class of another object.
std::string kind_of(const LeakSearch& search, NodeId callback) {
  const TypeInfo& type = search.type_of(callback);
  const Objects& o = search.objects();
  const Address a = search.address(callback);
  if (type.name == "functools.partial")
    return "partial of " + search.repr(named_field(o, a, type, "fn"), 100);
  if (type.name == "builtins.method") return "bound method " + search.repr(a, 100);
  if (type.name == "builtins.function") return "function " + search.repr(a, 100);
  return search.type_name(callback);
}

bool is_weak_reference(const LeakSearch& search, NodeId n) {
  const TypeInfo& type = search.type_of(n);
  return search.is_derived(type, "weakref.ReferenceType") || search.is_derived(type, "builtins.weakref");
}

// A builtin that knows no more than another weak reference: one that an abstract class has for each class
// that isinstance() has asked it about (Modules/_abc.c, _destroy), or a threading.local for each thread
// (Modules/_threadmodule.c, _localdummy_destroyed, and clear_locals with a tuple of that and a name).
bool is_made_by_interpreter(const LeakSearch& search, NodeId callback) {
  constexpr std::size_t kPair = 2;
  if (search.type_of(callback).name != "builtins.builtin_function_or_method") return false;
  const auto is_weak = [&](NodeId n) { return is_weak_reference(search, n); };
  const auto knows = search.graph().referents(callback);
  return std::any_of(knows.begin(), knows.end(), [&](NodeId n) {
    const auto inside = search.graph().referents(n);
    return is_weak(n) || (search.type_of(n).flags & kTpTupleSubclass && inside.size() <= kPair &&
                          std::any_of(inside.begin(), inside.end(), is_weak));
  });
}

NodeId object_of(const LeakSearch& search, NodeId reference) {
  return search.node(search.objects().pointer(search.address(reference),
                                              search.objects().layout().PyWeakReference.wr_object));
}

// Those of weakref.finalize whose object the finalizer itself keeps alive: the callback of `reference`, or
// what stands beside it, is what the object is reached by.
bool keeps_its_object(const LeakSearch& search, NodeId reference, NodeId registry) {
  constexpr int kFarthest = 12;
  NodeId n = object_of(search, reference);
  if (n == kNoNode) return false;
  for (int i = 0; i < kFarthest && n != kNoNode; ++i, n = search.dominators().dominator(n))
    if (n == registry || search.type_of(n).name == "weakref.finalize._Info") return true;
  return false;
}

bool is_finalizer(const std::string& kind) {
  return kind == "weakref.finalize" || kind == "multiprocessing.util.Finalize";
}

// A finalizer waits for its object. Where others keep most of the objects, they are the cause, and not it;
// unless many wait for the same few, which live on.
void tell_who_keeps(const LeakSearch& search, const std::vector<NodeId>& references, NodeId registry,
                    const std::string& kind, Suspect& s) {
  constexpr std::size_t kFewObjects = 10;  // one in so many
  const auto kept = static_cast<std::size_t>(std::count_if(
      references.begin(), references.end(), [&](NodeId n) { return keeps_its_object(search, n, registry); }));
  if (kept * 2 >= references.size()) return;
  std::map<std::uint32_t, std::size_t> waits;  // by object
  for (const NodeId n : references)
    if (const NodeId object = object_of(search, n); object != kNoNode) ++waits[index(object)];
  if (!waits.empty() && waits.size() * kFewObjects <= references.size()) {
    const auto most = std::max_element(waits.begin(), waits.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    const NodeId object{most->first};
    s.evidence = format_count(s.objects) + " " + kind + " wait for ";
    if (waits.size() > 1)
      s.evidence += format_count(waits.size()) + " objects, " + format_count(most->second) + " of them for ";
    s.evidence +=
        search.owner_of(search.path_to(object)) + " (" + search.type_name(object) + "), which lives on";
    s.cure =
        "Make one for an object and not one for each call, or detach() it (call it) when what it cleans up "
        "is done "
        "with; tie what goes sooner to an object that goes sooner.";
    return;
  }
  s.certainty = 0.1;
  s.evidence = format_count(s.objects) + " objects have a " + kind +
               ", which waits until each goes; what keeps them alive is not the finalizer";
  s.cure =
      "Look at what keeps the objects alive: heapglass path --id N of one. Each finalizer goes with its "
      "object.";
}

}  // namespace

void find_weakref_callbacks(const LeakSearch& search, Suspects& found) {
  const Objects& o = search.objects();
  struct Alike {
    std::vector<NodeId> references, callbacks;
  };
  std::map<std::string, Alike> by_kind;
  std::map<std::uint32_t, std::uint32_t> uses;
  std::vector<std::pair<NodeId, NodeId>> with_callback;
  for (const NodeId n : search.nodes_of([&](const TypeInfo& t) {
         return search.is_derived(t, "weakref.ReferenceType") || search.is_derived(t, "builtins.weakref") ||
                t.name == "builtins.weakproxy" || t.name == "builtins.weakcallableproxy";
       })) {
    const NodeId callback = search.node(o.pointer(search.address(n), o.layout().PyWeakReference.wr_callback));
    if (callback == kNoNode || callback == n || search.type_of(callback).name == "builtins.NoneType" ||
        is_made_by_interpreter(search, callback))
      continue;
    ++uses[index(callback)];
    with_callback.emplace_back(n, callback);
  }
  for (const auto& [reference, callback] : with_callback) {
    // That of a WeakValueDictionary or a WeakSet is one for all its entries.
    if (uses[index(callback)] > 4) continue;
    Alike& alike = by_kind[kind_of(search, callback)];
    alike.references.push_back(reference);
    alike.callbacks.push_back(callback);
  }
  const std::uint64_t much = std::max<std::uint64_t>(32'768, search.heap_bytes() / 300);
  for (auto& [kind, alike] : by_kind) {
    if (alike.callbacks.size() < kManyAlike || kind.find(kOfExecutors) != std::string::npos) continue;
    std::vector<NodeId> all = alike.callbacks;
    all.insert(all.end(), alike.references.begin(), alike.references.end());
    const bool finalize = kind == "weakref.finalize";
    if (finalize)  // what it will call and with what stands beside the reference
      for (const NodeId n : alike.references)
        for (const NodeId holder : search.labels().referrers().of(n))
          if (search.type_of(holder).name == "weakref.finalize._Info") all.push_back(holder);
    const LeakSearch::Kept kept = search.retained_by_set(all);
    if (kept.bytes < much) continue;
    const auto groups = search.group_by_owner(alike.references);
    Suspect s{.pattern = "weakref-callbacks", .node = groups[0].owner, .bytes = kept.bytes};
    if (s.node == kNoNode) s.node = alike.references[0];
    s.objects = alike.callbacks.size();
    s.certainty = 0.85;
    std::uint64_t dead = 0;
    for (const NodeId n : alike.references) {
      const NodeId object = object_of(search, n);
      dead += object == kNoNode || search.type_of(object).name == "builtins.NoneType";
    }
    s.evidence = format_count(s.objects) + " weak references have each a callback of its own (" + kind +
                 "), which is held strongly with all that it knows";
    if (dead) s.evidence += "; the objects of " + format_count(dead) + " of them are gone already";
    s.cure = finalize ? "Give weakref.finalize only what the cleaning up needs, never the object itself or "
                        "what leads to it, "
                        "and detach() it where it is not needed any more."
                      : "Use one callback for all (as WeakValueDictionary does), which needs nothing but the "
                        "reference, and "
                        "drop weak references whose object is gone.";
    if (is_finalizer(kind)) tell_who_keeps(search, alike.references, groups[0].owner, kind, s);
    s.examples.assign(alike.references.begin(), alike.references.begin() + 3);
    found.push_back(std::move(s));
  }
}

}  // namespace heapglass
