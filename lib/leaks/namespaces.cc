// Namespaces that grow: modules, classes and sys.modules that get ever new names with a number in them, and
// the table of interned strings.
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"
#include "lib/python/describe.h"

namespace heapglass {
namespace {

constexpr std::size_t kFewestNames = 200;   // data under names that are alike
constexpr std::size_t kFewestModules = 50;  // modules that are called alike
// Parts of the heap from which on they are told.
constexpr std::uint64_t kPartOfNames = 100, kPartOfLibrarys = 10, kPartOfInterned = 20;

// "user_17" and "user_4711" are called alike; empty where there is no digit.
std::string without_digits(const std::string& name) {
  std::string out;
  bool any = false;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    any |= digit;
    if (!digit) out += c;
  }
  return any ? out : std::string();
}

struct Alike {
  std::string example;
  std::vector<NodeId> values;
};

bool is_data(const TypeInfo& type) {
  return !(type.flags & kTpTypeSubclass) && type.body != TraverseRule::kModule &&
         type.name != "builtins.function" && type.name != "builtins.builtin_function_or_method";
}

// The names of a dict that are alike, most of them; `wanted` says of which values.
template <class Wanted>
Alike most_alike(const LeakSearch& search, NodeId dict, const Wanted& wanted) {
  std::map<std::string, Alike> by_name;
  search.objects().each_item(search.address(dict), [&](Address key, Address value) {
    const NodeId n = search.node(value);
    if (n == kNoNode || !wanted(search.type_of(n))) return;
    const auto name = search.objects().str(key, 200);
    const std::string plain = name ? without_digits(*name) : std::string();
    if (plain.empty()) return;
    Alike& alike = by_name[plain];
    if (alike.values.empty()) alike.example = *name;
    alike.values.push_back(n);
  });
  Alike most;
  for (auto& [name, alike] : by_name)
    if (alike.values.size() > most.values.size()) most = std::move(alike);
  return most;
}

// The dict of a module's or class's names.
NodeId names_of(const LeakSearch& search, NodeId n) {
  for (const NodeId referent : search.graph().referents(n))
    if (search.type_of(referent).flags & kTpDictSubclass && search.labels().is_namespace(referent) &&
        search.graph().referents(referent).size() >= kFewestNames)
      return referent;
  return kNoNode;
}

void look_at_names(const LeakSearch& search, NodeId holder, Suspects& found) {
  const NodeId dict = names_of(search, holder);
  if (dict == kNoNode) return;
  const Alike alike = most_alike(search, dict, is_data);
  if (alike.values.size() < kFewestNames) return;
  const LeakSearch::Kept kept = search.retained_by_set(alike.values);
  const bool is_type = search.type_of(holder).flags & kTpTypeSubclass;
  const Origin origin = is_type ? search.origin_of_class(search.address(holder)) : search.origin_of({holder});
  // Libraries have tables of constants under such names.
  if (kept.bytes < search.heap_bytes() / (origin == Origin::kApplication ? kPartOfNames : kPartOfLibrarys))
    return;
  Suspect s{.pattern = "global-growth", .node = dict, .bytes = kept.bytes};
  s.objects = alike.values.size();
  const TypeInfo* const type = is_type ? search.labels().types().get(search.address(holder)) : nullptr;
  s.owner = type ? type->name : search.module_name(holder);
  // What another container has too is that one's.
  const auto own = std::count_if(alike.values.begin(), alike.values.end(), [&](NodeId n) {
    const auto by = search.labels().referrers().of(n);
    return std::all_of(by.begin(), by.end(), [&](NodeId each) { return each == dict || each == n; });
  });
  s.certainty = static_cast<std::size_t>(own) * 2 >= alike.values.size() ? 0.9 : 0.5;
  s.kept_objects = some_objects(search, alike.values);
  s.evidence = format_count(s.objects) + " " + search.type_name(alike.values[0]) +
               " under names with a number, as '" + alike.example + "', in the " +
               (is_type ? "class" : "module") + " itself";
  s.cure =
      "Names that are made at run time belong into a dict of their own, from which an entry is removed when "
      "it is "
      "done with; see who calls setattr() or writes to globals().";
  s.examples.assign(alike.values.begin(), alike.values.begin() + 3);
  found.push_back(std::move(s));
}

// sys.modules: modules that are loaded again and again under new names.
void look_at_modules(const LeakSearch& search, Suspects& found) {
  for (const PyInterpreter& interpreter : search.clues().interpreters) {
    const NodeId modules = search.node(
        search.objects().pointer(interpreter.state, search.objects().layout().PyInterpreterState.modules));
    if (modules == kNoNode) continue;
    const Alike alike =
        most_alike(search, modules, [](const TypeInfo& type) { return type.body == TraverseRule::kModule; });
    if (alike.values.size() < kFewestModules) continue;
    const LeakSearch::Kept kept = search.retained_by_set(alike.values);
    if (kept.bytes < search.heap_bytes() / kPartOfNames) continue;
    Suspect s{.pattern = "global-growth", .node = modules, .owner = "sys.modules", .bytes = kept.bytes};
    s.objects = alike.values.size();
    s.certainty = 0.9;
    s.evidence = format_count(s.objects) + " modules are called alike, as " + alike.example;
    s.cure =
        "Load a plugin or a generated module once, under one name; sys.modules keeps each for ever: take out "
        "what "
        "is done with (sys.modules.pop(name)), or run its code in a dict that goes with it.";
    s.path = "sys.modules";
    s.examples.assign(alike.values.begin(), alike.values.begin() + 3);
    s.covers = alike.values;
    for (const NodeId module : alike.values)
      if (const NodeId dict = names_of(search, module); dict != kNoNode) s.covers.push_back(dict);
    found.push_back(std::move(s));
  }
}

// Strings that only the table of interned strings has: immortal ones, as sys.intern() makes in 3.12.
void look_at_interned(const LeakSearch& search, Suspects& found) {
  for (const GraphRoot& root : search.graph().roots) {
    if (root.edge.kind != EdgeKind::kField || !(search.type_of(root.node).flags & kTpDictSubclass)) continue;
    if (!edge_label(search.labels().types(), root.edge, false).ends_with("interned_strings")) continue;
    std::vector<NodeId> lost;
    search.objects().each_item(search.address(root.node), [&](Address key, Address) {
      const NodeId n = search.node(key);
      if (n == kNoNode || static_cast<std::int32_t>(search.objects().refcount(key)) >= 0) return;
      const auto by = search.labels().referrers().of(n);
      if (std::all_of(by.begin(), by.end(), [&](NodeId each) { return each == root.node; }))
        lost.push_back(n);
    });
    const LeakSearch::Kept kept = search.retained_by_set(lost);
    if (lost.size() < kFewestNames || kept.bytes < search.heap_bytes() / kPartOfInterned) continue;
    Suspect s{
        .pattern = "interned-strings", .node = root.node, .owner = "interned strings", .bytes = kept.bytes};
    s.objects = lost.size();
    s.certainty = 0.9;
    s.evidence = format_count(lost.size()) +
                 " interned strings that nothing refers to any more, and that are immortal, as " +
                 search.repr(search.address(lost[0]));
    s.cure =
        "sys.intern() is for names that come again and again: what it has interned stays as long as the "
        "process in "
        "this version of Python. See what interns texts with an id in them: sys.intern(), setattr(), "
        "parsers.";
    s.path = "the table of interned strings";
    s.examples.assign(lost.begin(), lost.begin() + 3);
    s.covers = {root.node};
    found.push_back(std::move(s));
  }
}

}  // namespace

void find_grown_namespaces(const LeakSearch& search, Suspects& found) {
  look_at_modules(search, found);
  look_at_interned(search, found);
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) {
         return t.body == TraverseRule::kModule || (t.flags & kTpTypeSubclass) != 0;
       }))
    look_at_names(search, n, found);
}

}  // namespace heapglass
