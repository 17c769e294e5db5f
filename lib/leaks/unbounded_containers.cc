// Containers that have a name, of a module, a class or one object, and only ever get more.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lib/heap/wrapped_containers.h"
#include "lib/leaks/alike_members.h"
#include "lib/leaks/cures.h"
#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"
#include "lib/python/describe.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::size_t kFewestMembers = 16;
constexpr std::size_t kManyAttributes = 500;
constexpr std::uint64_t kFewestMemberBytes = 16'384;
constexpr std::uint64_t kMuchOfLibrary = 10, kMuchOfKnown = 50;  // a tenth of the heap, a fiftieth

bool is_atom(const TypeInfo& type) {
  return type.flags & (kTpUnicodeSubclass | kTpLongSubclass | kTpBytesSubclass) ||
         type.name == "builtins.float" || type.name == "builtins.NoneType";
}

// The member that keeps most, where that is most of all; kNoNode: none does.
NodeId mostly_one(const LeakSearch& search, const std::vector<NodeId>& members, std::uint64_t kept) {
  NodeId largest = kNoNode;
  std::uint64_t most = 0;
  for (const NodeId n : members)
    if (const std::uint64_t bytes = search.dominators().retained_bytes(n); bytes > most) {
      largest = n;
      most = bytes;
    }
  return is_most(most, kept) ? largest : kNoNode;
}

// What the language, a compiler of extensions or an Enum class makes with a module or class, once.
bool is_made_with_its_holder(const std::string& owner) {
  const std::string name = owner.substr(owner.rfind('.') + 1);
  if (name == "_member_map_" || name == "_value2member_map_" || name == "_member_names_") return true;
  return name.size() > 4 && name.starts_with("__") && name.ends_with("__") && name != "__warningregistry__";
}

// Every interpreter has these, and they grow with what is imported: a tenth of the heap is more than that.
// The names of the files in one folder that imports look into are as many as the folder has.
bool is_ordinary(const LeakSearch& search, const std::string& owner, std::uint64_t bytes) {
  constexpr std::uint64_t kNamesOfHugeFolder = 8'000'000;
  if (owner.starts_with("sys.path_importer_cache[") && bytes < kNamesOfHugeFolder) return true;
  if (bytes >= search.heap_bytes() / kMuchOfLibrary && !owner.ends_with(".tp_subclasses")) return false;
  for (const char* each :
       {"sys.modules", "sys.path_importer_cache", "linecache.cache", "re._cache", "re._cache2"})
    if (owner.starts_with(each)) return true;
  return is_made_with_its_holder(owner) || owner.ends_with(".tp_subclasses");
}

struct Contents {
  std::size_t atoms = 0, code = 0, of_application = 0, weak = 0, gone = 0, all = 0;
  // Weak references to objects that are gone: nobody takes them out.
  bool is_of_gone() const { return gone * 2 > all; }
  bool weak_keys = false;  // of a WeakKeyDictionary, whose values are held as in any other dict
};

// What exec() has made, with a namespace for itself: as much data as code.
bool has_own_globals(const LeakSearch& search, NodeId function) {
  const NodeId globals = search.node(
      named_field(search.objects(), search.address(function), search.type_of(function), "func_globals"));
  return globals != kNoNode && search.dominators().dominator(globals) == function;
}

bool is_gone(const LeakSearch& search, NodeId reference) {
  const NodeId object = search.node(search.objects().pointer(
      search.address(reference), search.objects().layout().PyWeakReference.wr_object));
  return object == kNoNode || search.type_of(object).name == "builtins.NoneType";
}

Contents look_into(const LeakSearch& search, const std::vector<NodeId>& members) {
  Contents c;
  constexpr std::size_t kMembersSampled = 1000;
  const std::size_t step = sample_step(members.size(), kMembersSampled);
  for (std::size_t i = 0; i < members.size(); i += step, ++c.all) {
    const TypeInfo& type = search.type_of(members[i]);
    c.atoms += is_atom(type);
    c.code += type.flags & kTpTypeSubclass || type.body == TraverseRule::kModule ||
              (type.name == "builtins.function" && !has_own_globals(search, members[i]));
    const bool weak = type.name.starts_with("weakref.") || type.name == "builtins.weakref";
    c.weak += weak;
    c.gone += weak && is_gone(search, members[i]);
    c.of_application +=
        type.flags & kTpHeapType && search.origin_of_class(type.address) == Origin::kApplication;
  }
  return c;
}

bool is_of_application(const Contents& c) { return c.of_application * 4 > c.all; }

double certainty_of(const LeakSearch& search, NodeId n, const std::vector<NodeId>& path, const Contents& c,
                    std::uint64_t bytes) {
  double certainty = 0.8;
  // Tables of constants and of classes are made once and stay.
  if (c.atoms == c.all && search.type_of(n).flags & kTpDictSubclass) certainty *= 0.7;
  if (c.code * 3 > c.all) certainty *= 0.2;
  if (c.weak * 3 > c.all && !c.is_of_gone()) certainty *= 0.2;
  const Origin origin = search.origin_of(path);
  const bool much = bytes >= search.heap_bytes() / kMuchOfLibrary;
  if (origin == Origin::kStandard) certainty *= is_of_application(c) || much ? 0.6 : 0.05;
  if (origin == Origin::kInstalled) certainty *= is_of_application(c) ? 0.9 : 0.4;
  // What a running function holds goes when it ends, which a main loop never does.
  if (search.type_of(path[0]).body != TraverseRule::kModule &&
      !(search.type_of(path[0]).flags & kTpTypeSubclass))
    certainty *= 0.6;
  return certainty;
}

// The items of a queue of the standard library, or of a package: gevent, tornado.
bool is_of_queue(const LeakSearch& search, const std::vector<NodeId>& path) {
  for (std::size_t i = path.size(); i-- > 1;) {
    if (search.labels().is_namespace(path[i - 1])) continue;
    const TypeInfo& holder = search.type_of(path[i - 1]);
    return search.is_derived(holder, "queue.Queue") || search.is_derived(holder, "asyncio.queues.Queue") ||
           search.is_derived(holder, "multiprocessing.queues.Queue") ||
           (search.origin_of_class(holder.address) != Origin::kApplication && holder.name.ends_with("Queue"));
  }
  return false;
}

std::string cure_of(const LeakSearch& search, const std::vector<NodeId>& path, const std::string& owner,
                    Origin origin, const Contents& contents) {
  const TypeInfo& type = search.type_of(path.back());
  if (contents.weak_keys)
    return "Each entry goes with its key: look at what keeps the keys alive (heapglass path --id N of one), "
           "remove an entry when its user is done with it, or make what is kept for a key an attribute of "
           "it.";
  if (contents.is_of_gone())
    return "Take each out when its object goes: a weakref.WeakSet, WeakValueDictionary or WeakKeyDictionary "
           "does, and "
           "so can the callback of weakref.ref(object, callback).";
  if (contents.weak * 3 > contents.all)
    return "It holds its values weakly: each entry goes with its value. Look at what keeps the values alive: "
           "heapglass path --id N of one.";
  if (origin != Origin::kApplication)
    return "It is a library's own: look in its documentation for what bounds or empties it, and for what the "
           "program has to close, and which part of the program puts ever new things there.";
  if (owner.find(".__defaults__[") != std::string::npos ||
      owner.find(".__kwdefaults__[") != std::string::npos)
    return "It is the default value of an argument: made once, with the function, and the same in all calls. "
           "Let "
           "the default be None, and make a new one in the function.";
  if (is_of_queue(search, path))
    return "More is put into this queue than taken out: see whether what takes from it still runs (heapglass "
           "stacks), and bound it with maxsize=N, so that who puts has to wait.";
  if (type.flags & kTpDictSubclass && search.labels().is_namespace(path.back()))
    return "Its attributes are set under ever new names: put what goes and comes into a dict of its own, and "
           "take an entry out when its user is done with it.";
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

// Of one in another: the outer one says nothing more where the inner one has most of it; else the inner one
// does not, unless it stands out among its siblings.
void leave_out_repetitions(const LeakSearch& search, std::vector<FoundSuspect>& found) {
  std::unordered_map<std::uint32_t, std::size_t> by_node;
  for (std::size_t i = 0; i < found.size(); ++i) by_node.emplace(index(found[i].suspect.node), i);
  std::vector<std::pair<std::size_t, std::size_t>> pairs;  // outer, inner
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const NodeId n : search.graph().referents(found[i].suspect.node))
      if (const auto at = by_node.find(index(n)); at != by_node.end() && at->second != i)
        pairs.emplace_back(i, at->second);
    for (std::size_t p = 0; p + 1 < found[i].path.size(); ++p)
      if (const auto at = by_node.find(index(found[i].path[p])); at != by_node.end() && at->second != i)
        pairs.emplace_back(at->second, i);
  }
  std::vector<bool> repeats(found.size());
  const auto bytes = [&](std::size_t i) { return found[i].suspect.bytes; };
  for (const auto& [outer, inner] : pairs)
    if (is_most(bytes(inner), bytes(outer))) repeats[outer] = true;
  for (const auto& [outer, inner] : pairs)
    if (!repeats[outer] && search.collection_on(found[inner].path) == kNoNode) repeats[inner] = true;
  // What a well-known cache has in it is told with the cache.
  for (const auto& [outer, inner] : pairs)
    if (found[outer].known && found[inner].known && found[outer].suspect.cure == found[inner].suspect.cure)
      repeats[inner] = !repeats[outer] || repeats[inner];
  std::size_t i = 0;
  std::erase_if(found, [&](const FoundSuspect&) { return repeats[i++]; });
}

// Enough of them to look at what is in it.
bool may_be_candidate(const LeakSearch& search, NodeId n, std::uint64_t fewest_bytes) {
  const std::size_t members = search.graph().referents(n).size();
  return members >= kFewestMembers || (members >= 2 && search.dominators().retained_bytes(n) >= fewest_bytes);
}

class ContainerSearch {
 public:
  // `found` are those of other patterns.
  ContainerSearch(const LeakSearch& search, const Suspects& found, bool to_compare)
      : search_(search),
        to_compare_(to_compare),
        fewest_bytes_(std::max(kFewestMemberBytes, search.heap_bytes() / 2000)) {
    for (const Suspect& s : found) {
      // What a module has beside the names that it is a suspect for is looked at.
      if (explains_its_node(search, s) && !search.is_structure(s.node)) reported_.insert(index(s.node));
      for (const NodeId n : s.covers) reported_.insert(index(n));
    }
  }

  std::vector<FoundSuspect> find() {
    std::vector<FoundSuspect> found;
    for (const NodeId n : search_.nodes_of(is_growing_container))
      if (may_be_candidate(search_, n, fewest_bytes_) && !is_reported(n)) look_at(n, found);
    return found;
  }

 private:
  bool is_reported(NodeId n) const { return reported_.count(index(n)) != 0; }

  void look_at(NodeId n, std::vector<FoundSuspect>& found) {
    const std::vector<NodeId> members = members_of(search_, n);
    std::uint64_t most = search_.graph().all_bytes(index(n));
    for (const NodeId m : members) most += search_.dominators().retained_bytes(m);
    if (most < fewest_bytes_ || search_.is_structure(n)) return;
    // What an object is made of are a few attributes; with ever new names they are a collection.
    if (search_.labels().is_namespace(n) && members.size() < kManyAttributes) return;
    if (is_interned_table(search_.objects(), search_.address(n))) return;
    if (stream_of_parts(search_, n) != kNoNode) return;  // a stream that grows is a large object
    const LeakSearch::Kept kept = kept_by_contents(search_, n, members);
    // The one that has most of it is looked at for itself, or has grown where it stands.
    const NodeId one = mostly_one(search_, members, kept.bytes);
    if (kept.bytes < fewest_bytes_ || (!to_compare_ && one != kNoNode)) return;
    std::vector<NodeId> path = search_.path_to(n);
    if (path.empty()) return;
    const std::uint64_t entries = search_.values().length(search_.address(n)).value_or(0);
    const bool hidden = search_.is_one_of_many(path) && !search_.stands_out(path, kept.bytes);
    if (hidden != to_compare_ && (hidden || entries < kFewestMembers)) return;
    const auto nested = hidden ? std::nullopt : nested_contents(search_, n);
    if ((nested ? nested->items : entries) < kFewestMembers) return;
    // What is to be compared is a member of what was found, or may be.
    if (!to_compare_ && std::any_of(path.begin(), path.end(), [&](NodeId each) { return is_reported(each); }))
      return;
    Suspect s{.pattern = "unbounded-cache", .node = n, .bytes = kept.bytes};
    s.objects = nested ? nested->items : entries;
    s.owner = search_.owner_of(path);
    const bool attributes = search_.labels().is_namespace(n);
    if (constexpr std::string_view kDict = ".__dict__"; attributes && s.owner.ends_with(kDict))
      s.owner.resize(s.owner.size() - kDict.size());
    const KnownCure* const known = find_cure(search_, path, s.owner, members);
    const bool much = kept.bytes >= search_.heap_bytes() / kMuchOfKnown;
    if (!(known && much) && is_bounded(n, path, kept.bytes, entries)) return;
    if (is_ordinary(search_, s.owner, kept.bytes)) return;
    const bool weak_keys = wrapper_of(search_.labels(), n).kind == WrapperKind::kWeakKeys;
    Contents contents = look_into(search_, weak_keys ? values_of(search_, n) : members);
    contents.weak_keys = weak_keys;
    // sqlite3's connections have up to 200 of them.
    constexpr std::uint64_t kManyGone = 1000;
    if (entries < kManyGone) contents.gone = 0;
    s.certainty = certainty_of(search_, n, path, contents, kept.bytes);
    const Origin origin = search_.origin_of(path);
    // Of the interpreter's tables that are known by name it is known that programs fill them.
    constexpr double kFilledByPrograms = 0.5;
    if (known && much && origin == Origin::kStandard) s.certainty = std::max(s.certainty, kFilledByPrograms);
    // A library's own tables are as large as they are, unless they are much of the heap or grow.
    const bool of_library = origin != Origin::kApplication && !is_of_application(contents) &&
                            !(known && much) && kept.bytes < search_.heap_bytes() / kMuchOfLibrary;
    s.only_if_grown = hidden || of_library || one != kNoNode;
    if (s.only_if_grown != to_compare_) return;
    if (hidden) {
      const NodeId among = search_.collection_on(path);
      s.among = search_.address(among);
      s.siblings = search_.values().length(s.among).value_or(0);
    }
    tell(s, nested, entries, path, known, origin, contents);
    if (one != kNoNode) s.evidence += "; most of it is in one of them" + where_in(n, one);
    found.push_back({std::move(s), std::move(path), known != nullptr});
  }

  // ", [3]", as the container calls it.
  std::string where_in(NodeId container, NodeId member) const {
    for (const Labels::Label& label : search_.labels().between(container, member))
      if (!label.text.empty()) return ", " + label.text;
    return {};
  }

  // By a bound that it will meet: one of ten million entries of 20 kB each is none.
  bool is_bounded(NodeId n, const std::vector<NodeId>& path, std::uint64_t bytes,
                  std::uint64_t entries) const {
    constexpr double kTooMuch = 1e9;
    const auto bound = bound_of(search_, n, path);
    if (!bound) return false;
    const double full = static_cast<double>(bytes) /
                        static_cast<double>(std::max<std::uint64_t>(entries, 1)) *
                        static_cast<double>(*bound);
    return full < std::max(kTooMuch, 2 * static_cast<double>(search_.heap_bytes()));
  }

  void tell(Suspect& s, const std::optional<NestedContents>& nested, std::uint64_t entries,
            const std::vector<NodeId>& path, const KnownCure* known, Origin origin,
            const Contents& contents) const {
    s.evidence = nested ? nested->words
                 : search_.labels().is_namespace(s.node)
                     ? "an object of " + format_count(entries, "attribute", "attributes") + ", " +
                           contents_in_words(search_, s.node)
                     : container_name(search_, s.node) + " of " + format_count(entries, "entry", "entries") +
                           ", " + contents_in_words(search_, s.node);
    const auto bound = bound_of(search_, s.node, path);
    s.evidence += known && known->says               ? std::string("; ") + known->says
                  : contents.weak_keys               ? "; each entry goes with its key, and no sooner"
                  : contents.is_of_gone()            ? "; most are weak references to objects that are gone"
                  : contents.weak * 3 > contents.all ? "; it holds its values weakly"
                  : bound ? "; its bound, " + format_count(*bound) + ", is more than memory will hold"
                          : "; nothing that can be seen bounds it";
    if (s.bytes > 2 * search_.dominators().retained_bytes(s.node))
      s.evidence += "; most of what is in it is held elsewhere too";
    s.cure = known ? known->cure : cure_of(search_, path, s.owner, origin, contents);
    const std::vector<NodeId> values = values_of(search_, s.node);
    s.examples.assign(values.begin(),
                      values.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(values.size(), 3)));
    s.kept_objects = some_objects(search_, in_records(search_, s.node, values));
  }

  const LeakSearch& search_;
  const bool to_compare_;
  const std::uint64_t fewest_bytes_;
  std::unordered_set<std::uint32_t> reported_;
};

}  // namespace

void find_unbounded_containers(const LeakSearch& search, Suspects& found) {
  std::vector<FoundSuspect> candidates = ContainerSearch(search, found, false).find();
  leave_out_repetitions(search, candidates);
  join_alike_members(search, candidates);
  for (FoundSuspect& each : candidates) found.push_back(std::move(each.suspect));
}

void find_containers_to_compare(const LeakSearch& search, Suspects& found) {
  for (FoundSuspect& each : ContainerSearch(search, found, true).find())
    found.push_back(std::move(each.suspect));
}

}  // namespace heapglass
