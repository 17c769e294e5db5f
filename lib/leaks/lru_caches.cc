// functools.lru_cache without a bound, with a large one, and on methods, whose instances its keys hold.
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"
#include "lib/python/describe.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kFewestEntries = 16;
constexpr std::uint64_t kLargeBytes = 1'000'000;
constexpr std::uint64_t kFiftieth = 50;

// The instances that are the first argument of calls, by class. A key is one str or int, or a tuple of the
// arguments.
std::map<std::string, std::uint64_t> first_arguments(const LeakSearch& search, Address cache) {
  const Objects& o = search.objects();
  std::map<std::string, std::uint64_t> classes;
  std::vector<NodeId> seen;
  o.each_item(cache, [&](Address key, Address) {
    const TypeInfo* type = search.labels().types().get(o.type_of(key));
    Address first = key;
    if (type && type->flags & kTpTupleSubclass && o.ob_size(key) > 0)
      first = o.pointer(key, o.layout().PyTupleObject.ob_item);
    else if (type && type->flags & kTpListSubclass && o.ob_size(key) > 0)  // functools._HashedSeq
      first = o.pointer(o.pointer(key, o.layout().PyListObject.ob_item), 0);
    if (const NodeId n = search.node(first); n != kNoNode) seen.push_back(n);
  });
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const NodeId n : seen) {
    const TypeInfo& type = search.type_of(n);
    const bool plain = type.flags & (kTpUnicodeSubclass | kTpLongSubclass | kTpBytesSubclass |
                                     kTpTupleSubclass | kTpTypeSubclass);
    if (type.flags & kTpHeapType && !plain) ++classes[type.name];
  }
  return classes;
}

// Is the function that is cached a method of the class? By its qualname: "Service.load" of app.Service.
bool is_method_of(const std::string& qualname, const std::string& class_name) {
  const std::size_t dot = qualname.rfind('.');
  return dot != std::string::npos && class_name.ends_with("." + qualname.substr(0, dot));
}

// It, and its arguments and results.
std::vector<NodeId> pinned_by(const LeakSearch& search, NodeId n, NodeId cache) {
  std::vector<NodeId> members{n};
  // The function may be an object with much of its own: a sqlite3.Connection is that of its statements'
  // cache.
  const NodeId function =
      search.node(named_field(search.objects(), search.address(n), search.type_of(n), "func"));
  for (const NodeId each : {cache, n})
    for (const NodeId m : search.graph().referents(each))
      if (m != function && !(search.type_of(m).flags & kTpTypeSubclass) &&
          search.type_of(m).name != "builtins.function" && !search.labels().is_namespace(m))
        members.push_back(m);
  // Arguments and results that others hold too are pinned all the same.
  for (const NodeId m : std::vector<NodeId>(members))
    if (search.type_of(m).flags & kTpTupleSubclass)
      for (const NodeId argument : search.graph().referents(m))
        if (search.type_of(argument).flags & kTpHeapType) members.push_back(argument);
  return members;
}

// Of a cache that is bounded a link has the result.
std::vector<NodeId> some_results(const LeakSearch& search, NodeId cache) {
  if (cache == kNoNode) return {};
  std::vector<NodeId> results;
  for (const NodeId value : values_of(search, cache)) {
    const bool is_link = search.type_of(value).name == "functools._lru_list_elem";
    const auto inside = search.graph().referents(value);
    if (is_link)
      results.insert(results.end(), inside.begin(), inside.end());
    else
      results.push_back(value);
  }
  return some_objects(search, results);
}

void add_cache(const LeakSearch& search, NodeId n, Suspects& found) {
  const Objects& o = search.objects();
  const TypeInfo& type = search.type_of(n);
  const Address a = search.address(n), cache = named_field(o, a, type, "cache");
  const std::int32_t at = o.layout().lru_cache_object.maxsize;
  const std::int64_t maxsize = o.load<std::int64_t>(a, at).value_or(0);  // -1: None
  const std::uint64_t entries = is_null(cache) ? 0 : search.values().length(cache).value_or(0);
  if (entries < kFewestEntries || maxsize == 0) return;
  const bool bounded = maxsize > 0;

  const std::vector<NodeId> members = pinned_by(search, n, search.node(cache));
  const LeakSearch::Kept kept = search.retained_by_set(members);

  const Address function = named_field(o, a, type, "func");
  const TypeInfo* of = is_null(function) ? nullptr : search.labels().types().get(o.type_of(function));
  const std::string qualname = of ? short_repr(search.labels().types(), function, *of, 200) : std::string();
  std::uint64_t pinned = 0;
  std::string pinned_class;
  for (const auto& [name, count] : first_arguments(search, cache))
    if (is_method_of(qualname, name)) {
      pinned = count;
      pinned_class = name;
    }
  if (bounded && pinned < kFewestEntries && kept.bytes < kLargeBytes) return;

  Suspect s{.node = n, .bytes = kept.bytes, .objects = entries};
  s.pattern = !bounded ? "unbounded-lru-cache" : pinned ? "lru-cache-on-method" : "large-lru-cache";
  s.certainty = !bounded ? 0.95 : pinned ? 0.8 : 0.6;
  // One whose arguments are few kinds is full some day: those of libraries mostly.
  const Origin origin = search.origin_of(search.path_to(n));
  if (origin == Origin::kStandard) s.certainty *= 0.2;
  if (origin != Origin::kApplication && bounded && kept.bytes < search.heap_bytes() / kFiftieth) return;
  s.evidence = "lru_cache" + (qualname.empty() ? "" : " of " + qualname) + " with maxsize=" +
               (bounded ? format_count(static_cast<std::uint64_t>(maxsize)) : std::string("None")) + " has " +
               format_count(entries, "entry", "entries");
  if (pinned)
    s.evidence += "; it is a method: its keys keep " + format_count(pinned, "instance of ", "instances of ") +
                  pinned_class + " alive";
  s.cure =
      pinned ? "Cache on the instance (functools.cached_property, or a dict in __init__), so that it goes "
               "with it; or make the method a function of the few values that it needs."
      : bounded
          ? "Lower maxsize to what is really asked for again; cache_info() tells hits and misses."
          : "Give it a maxsize, or cache_clear() it where what it depends on changes; functools.cache is "
            "lru_cache(maxsize=None).";
  if (!is_null(cache)) s.kept_objects = some_results(search, search.node(cache));
  found.push_back(std::move(s));
}

}  // namespace

void find_lru_caches(const LeakSearch& search, Suspects& found) {
  for (const NodeId n : search.nodes_of("functools._lru_cache_wrapper")) add_cache(search, n, found);
}

}  // namespace heapglass
