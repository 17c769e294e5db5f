// Containers that have a name, of a module, a class or one object, and only ever get more.
#include <algorithm>
#include <unordered_map>

#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"

namespace heapglass {
namespace {

constexpr std::size_t kFewestMembers = 16;
constexpr std::uint64_t kFewestMemberBytes = 16'384;

bool is_atom(const TypeInfo& type) {
  return type.flags & (kTpUnicodeSubclass | kTpLongSubclass | kTpBytesSubclass) ||
         type.name == "builtins.float" || type.name == "builtins.NoneType";
}

// One of its members keeps most: then that one is to be looked at.
bool is_mostly_one(const LeakSearch& search, const std::vector<NodeId>& members, std::uint64_t kept) {
  std::uint64_t most = 0;
  for (const NodeId n : members) most = std::max(most, search.dominators().retained_bytes(n));
  return most > kept / 10 * 7;
}

// Every interpreter has these, and they grow with what is imported and no more.
bool is_ordinary(const std::string& owner) {
  for (const char* each :
       {"sys.modules", "sys.path_importer_cache", "linecache.cache", "re._cache", "re._cache2"})
    if (owner.starts_with(each)) return true;
  return owner.ends_with(".tp_subclasses");
}

// sys.modules, whichever way leads there.
bool is_sys_modules(const LeakSearch& search, NodeId n) {
  const Objects& o = search.objects();
  const auto& interpreters = search.clues().interpreters;
  return std::any_of(interpreters.begin(), interpreters.end(), [&](const PyInterpreter& each) {
    return o.pointer(each.state, o.layout().PyInterpreterState.modules) == search.address(n);
  });
}

struct Contents {
  std::size_t atoms = 0, code = 0, of_application = 0, weak = 0, all = 0;
};

Contents look_into(const LeakSearch& search, const std::vector<NodeId>& members) {
  Contents c;
  constexpr std::size_t kMembersSampled = 1000;
  const std::size_t step = std::max<std::size_t>(1, members.size() / kMembersSampled);
  for (std::size_t i = 0; i < members.size(); i += step, ++c.all) {
    const TypeInfo& type = search.type_of(members[i]);
    c.atoms += is_atom(type);
    c.code += type.flags & kTpTypeSubclass || type.body == TraverseRule::kModule ||
              type.name == "builtins.function";
    c.weak += type.name.starts_with("weakref.") || type.name == "builtins.weakref";
    c.of_application +=
        type.flags & kTpHeapType && search.origin_of_class(type.address) == Origin::kApplication;
  }
  return c;
}

bool is_of_application(const Contents& c) { return c.of_application * 4 > c.all; }

double certainty_of(const LeakSearch& search, NodeId n, const std::vector<NodeId>& way, const Contents& c) {
  double certainty = 0.8;
  // Tables of constants and of classes are made once and stay.
  if (c.atoms == c.all && search.type_of(n).flags & kTpDictSubclass) certainty *= 0.7;
  if (c.code * 3 > c.all) certainty *= 0.2;
  if (c.weak * 3 > c.all) certainty *= 0.2;
  const Origin origin = search.origin_of(way);
  if (origin == Origin::kStandard) certainty *= is_of_application(c) ? 0.6 : 0.05;
  if (origin == Origin::kInstalled) certainty *= is_of_application(c) ? 0.9 : 0.4;
  // What a running function holds goes when it ends, which a main loop never does.
  if (search.type_of(way[0]).body != TraverseRule::kModule &&
      !(search.type_of(way[0]).flags & kTpTypeSubclass))
    certainty *= 0.6;
  return certainty;
}

// The items of a queue of the standard library.
bool is_of_queue(const LeakSearch& search, const std::vector<NodeId>& way) {
  for (std::size_t i = way.size(); i-- > 1;) {
    if (search.labels().is_namespace(way[i - 1])) continue;
    const TypeInfo& holder = search.type_of(way[i - 1]);
    return search.is_derived(holder, "queue.Queue") || search.is_derived(holder, "asyncio.queues.Queue") ||
           search.is_derived(holder, "multiprocessing.queues.Queue");
  }
  return false;
}

std::string cure_of(const LeakSearch& search, const std::vector<NodeId>& way, const std::string& owner) {
  const TypeInfo& type = search.type_of(way.back());
  if (owner.find(".__defaults__[") != std::string::npos ||
      owner.find(".__kwdefaults__[") != std::string::npos)
    return "It is the default value of an argument: made once, with the function, and the same in all calls. "
           "Let "
           "the default be None, and make a new one in the function.";
  if (is_of_queue(search, way))
    return "More is put into this queue than taken out: see whether what takes from it still runs (heapglass "
           "stacks), and bound it with maxsize=N, so that who puts has to wait.";
  if (type.flags & kTpDictSubclass)
    return "Bound it: throw out the oldest entry when it has too many (functools.lru_cache(maxsize=N), or an "
           "OrderedDict with popitem(last=False)), remove an entry when its user is done with it, or hold "
           "what "
           "others own in a weakref.WeakValueDictionary.";
  if (type.body == TraverseRule::kSet)
    return "Remove from it what is done with, or hold what others own in a weakref.WeakSet.";
  return "Remove from it what is done with, or make it a collections.deque(maxlen=N) if only the newest are "
         "wanted: look who appends to " +
         owner + ".";
}

// One that keeps little beside what another one in it keeps says nothing more than that one does, and neither
// does one that is a member of another.
void leave_out_repetitions(const LeakSearch& search, Suspects& found, std::size_t first) {
  std::unordered_map<std::uint32_t, std::size_t> by_node;
  for (std::size_t i = first; i < found.size(); ++i) by_node.emplace(index(found[i].node), i);
  std::vector<bool> repeats(found.size());
  for (std::size_t i = first; i < found.size(); ++i)
    for (const NodeId n : search.graph().referents(found[i].node)) {
      const auto at = by_node.find(index(n));
      if (at == by_node.end() || at->second == i) continue;
      const bool mostly = found[at->second].bytes > found[i].bytes / 10 * 7;
      repeats[mostly ? i : at->second] = true;
    }
  std::size_t i = first;
  found.erase(std::remove_if(found.begin() + static_cast<std::ptrdiff_t>(first), found.end(),
                             [&](const Suspect&) { return repeats[i++]; }),
              found.end());
}

}  // namespace

void find_unbounded_containers(const LeakSearch& search, Suspects& found) {
  const std::uint64_t fewest_bytes = std::max(kFewestMemberBytes, search.heap_bytes() / 2000);
  const std::size_t first = found.size();
  for (const NodeId n : search.nodes_of(is_growing_container)) {
    if (search.graph().referents(n).size() < kFewestMembers || is_already_reported(found, n)) continue;
    const std::uint64_t entries = search.values().length(search.address(n)).value_or(0);
    if (entries < kFewestMembers) continue;
    const std::vector<NodeId> members = members_of(search, n);
    std::uint64_t most = search.graph().size[index(n)];
    for (const NodeId m : members) most += search.dominators().retained_bytes(m);
    if (most < fewest_bytes || search.labels().is_namespace(n)) continue;
    const LeakSearch::Kept kept = kept_by_contents(search, n, members);
    if (kept.bytes < fewest_bytes || is_mostly_one(search, members, kept.bytes)) continue;
    const std::vector<NodeId> way = search.way_to(n);
    if (way.empty() || search.is_one_of_many(way)) continue;
    if (std::any_of(way.begin(), way.end(), [&](NodeId each) { return is_already_reported(found, each); }))
      continue;
    if (bound_of(search, n, way)) continue;
    Suspect s{.pattern = "unbounded-cache", .node = n, .bytes = kept.bytes, .objects = entries};
    s.owner = search.owner_of(way);
    if (is_ordinary(s.owner) || is_sys_modules(search, n)) continue;
    const Contents contents = look_into(search, members);
    s.certainty = certainty_of(search, n, way, contents);
    // The library's own tables are as large as they are, unless they are much of the heap.
    if (search.origin_of(way) == Origin::kStandard && !is_of_application(contents) &&
        kept.bytes < search.heap_bytes() / 10)
      continue;
    s.evidence = search.type_name(n) + " of " + format_count(entries, "entry", "entries") + ", " +
                 contents_in_words(search, n) + "; nothing that can be seen bounds it";
    if (kept.bytes > 2 * search.dominators().retained_bytes(n))
      s.evidence += "; most of what is in it is held elsewhere too";
    s.cure = cure_of(search, way, s.owner);
    s.examples.assign(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(
                                                             std::min<std::size_t>(members.size(), 3)));
    found.push_back(std::move(s));
  }
  leave_out_repetitions(search, found, first);
}

}  // namespace heapglass
