// What is kept for each thread: threading.local, and dicts by thread id or Thread object, some of which are
// dead.
#include <algorithm>
#include <optional>
#include <set>

#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kMostThreads = 100'000;

// pthread_t is an address where glibc maps stacks: on Linux just below 2^47.
bool may_be_thread_id(std::int64_t n) { return n > 0x7000'0000'0000 && n < 0x8000'0000'0000 && n % 64 == 0; }

// glibc puts it at the end of a stack, and all have the same size behind it: within the page all of a process
// are alike. id() of objects are such addresses too, but at all places of a page.
std::int64_t place_in_page(std::int64_t id) {
  constexpr std::int64_t kPage = 4096;
  return id % kPage;
}

struct Living {
  std::set<std::int64_t> ids;       // threading.get_ident() and get_native_id()
  std::set<std::uint64_t> threads;  // Thread objects, of threading._active
  std::size_t count = 0;
};

Living living_threads(const LeakSearch& search) {
  Living living;
  for (const PyInterpreter& interpreter : search.clues().interpreters)
    for (const PyThread& t : interpreter.threads) {
      ++living.count;
      living.ids.insert(static_cast<std::int64_t>(t.thread_id));
      living.ids.insert(static_cast<std::int64_t>(t.native_id));
    }
  const NodeId threading = search.module("threading");
  if (threading == kNoNode) return living;
  const Address active = search.values().attribute(search.address(threading), "_active");
  if (!is_null(active))
    search.objects().each_item(active,
                               [&](Address, Address thread) { living.threads.insert(value(thread)); });
  return living;
}

std::string dead_in_words(std::size_t entries, std::size_t dead) {
  return "has data for " + format_count(entries, "thread", "threads") + ", " + format_count(dead) +
         " of which " + (dead == 1 ? "is" : "are") + " no more";
}

void find_dicts(const LeakSearch& search, const Living& living, std::uint64_t much, Suspects& found) {
  const Objects& o = search.objects();
  constexpr std::uint64_t kFewest = 4;
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) { return t.flags & kTpDictSubclass; })) {
    if (search.graph().referents(n).size() < kFewest || search.graph().referents(n).size() > 2 * kMostThreads)
      continue;
    std::size_t entries = 0, by_thread = 0, dead = 0;
    bool others = false;
    std::optional<std::int64_t> place;  // of those that are no more
    o.each_item(search.address(n), [&](Address key, Address) {
      ++entries;
      if (others) return;
      const TypeInfo* type = search.labels().types().get(o.type_of(key));
      const bool may_name_thread = type && !(type->flags & kTpUnicodeSubclass);
      if (may_name_thread && type->flags & kTpLongSubclass) {
        const auto number = search.values().value(key);
        const auto* id = std::get_if<std::int64_t>(&number);
        const bool lives = id && living.ids.count(*id);
        if (id && !lives && !place) place = place_in_page(*id);
        if (!id || (!lives && (!may_be_thread_id(*id) || place_in_page(*id) != *place))) {
          others = true;
          return;
        }
        ++by_thread;
        dead += !lives;
      } else if (may_name_thread && type->flags & kTpHeapType &&
                 search.values().is_instance(key, "threading.Thread")) {
        ++by_thread;
        dead += living.threads.count(value(key)) == 0;
      } else {
        others = true;
      }
    });
    if (others || by_thread < kFewest || by_thread < entries || dead * 2 < by_thread) continue;
    const std::vector<NodeId> members = members_of(search, n);
    const LeakSearch::Kept kept = kept_by_contents(search, n, members);
    if (kept.bytes < much || !search.is_reached(n)) continue;
    Suspect s{
        .pattern = "thread-local", .node = n, .bytes = kept.bytes, .objects = entries, .certainty = 0.9};
    s.evidence = "dict by thread " + dead_in_words(entries, dead);
    s.cure =
        "Use threading.local(), which forgets a thread when it ends, or take the entry out in the thread's "
        "`finally`.";
    s.examples.assign(members.begin(), members.begin() + 2);
    found.push_back(std::move(s));
  }
}

// The dicts of a threading.local, one for each thread: to 3.12 values of `dummies`, then of `localdicts`.
std::vector<NodeId> dicts_of(const LeakSearch& search, NodeId local) {
  std::vector<NodeId> dicts;
  for (const char* field : {"localdicts", "dummies"}) {
    const NodeId table =
        search.node(named_field(search.objects(), search.address(local), search.type_of(local), field));
    if (table == kNoNode || !(search.type_of(table).flags & kTpDictSubclass)) continue;
    search.objects().each_item(search.address(table), [&](Address, Address each) {
      if (const NodeId n = search.node(each); n != kNoNode && search.type_of(n).flags & kTpDictSubclass)
        dicts.push_back(n);
    });
    if (!dicts.empty()) break;
  }
  return dicts;
}

void find_locals(const LeakSearch& search, const Living& living, std::uint64_t much, Suspects& found) {
  for (const NodeId n :
       search.nodes_of([&](const TypeInfo& t) { return search.is_derived(t, "_thread._local"); })) {
    const std::vector<NodeId> dicts = dicts_of(search, n);
    const LeakSearch::Kept kept = search.retained_by_set(dicts);
    if (kept.bytes < much) continue;
    // Of one thread it is no more than a global: what is in it is looked at by itself.
    if (dicts.size() < 2) continue;
    const std::size_t dead = dicts.size() > living.count ? dicts.size() - living.count : 0;
    std::uint64_t most = 0;
    std::string largest;
    for (const NodeId dict : dicts)
      search.objects().each_item(search.address(dict), [&](Address key, Address each) {
        const NodeId value = search.node(each);
        if (value == kNoNode || search.dominators().retained_bytes(value) <= most) return;
        most = search.dominators().retained_bytes(value);
        largest = search.objects().str(key, 60).value_or("?") + " (" + search.type_name(value) + ")";
      });
    Suspect s{.pattern = "thread-local", .node = n, .bytes = kept.bytes, .objects = dicts.size()};
    s.certainty = dead ? 0.95 : 0.7;
    s.evidence = dead ? "threading.local " + dead_in_words(dicts.size(), dead)
                      : "threading.local keeps data for " + format_count(dicts.size(), "thread", "threads") +
                            " that are alive";
    if (!largest.empty()) s.evidence += ", most of it " + largest;
    s.cure =
        "Delete what a request has put there when it ends: threads of a pool live as long as the process.";
    s.examples = {dicts[0]};
    s.covers = dicts;
    found.push_back(std::move(s));
  }
}

}  // namespace

void find_thread_locals(const LeakSearch& search, Suspects& found) {
  const Living living = living_threads(search);
  const std::uint64_t much = std::max<std::uint64_t>(32'768, search.heap_bytes() / 200);
  find_dicts(search, living, much, found);
  find_locals(search, living, much, found);
}

}  // namespace heapglass
