// Namespaces that grow: modules, classes and sys.modules that get ever new names with a number in them, and
// the table of interned strings.
#include <algorithm>
#include <map>
#include <string_view>

#include "lib/leaks/bounded_keys.h"
#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"
#include "lib/python/describe.h"

namespace heapglass {
namespace {

constexpr std::size_t kFewestNames = 200;   // data under names that are alike
constexpr std::size_t kFewestModules = 50;  // modules that are called alike
// Parts of the heap from which on they are told.
constexpr std::uint64_t kPartOfNames = 100, kPartOfLibrarys = 10, kPartOfInterned = 20;

// So many letters and digits that begin at `at` are one number: digits, or a hash in hexadecimal digits.
std::size_t length_of_number(std::string_view name, std::size_t at) {
  constexpr std::size_t kFewestOfHash = 8;
  const auto run = [&](std::string_view of) {
    const std::size_t end = name.find_first_not_of(of, at);
    return (end == std::string_view::npos ? name.size() : end) - at;
  };
  const std::size_t digits = run("0123456789"), hash = run("0123456789abcdef");
  const bool has_digit = name.substr(at, hash).find_first_of("0123456789") != std::string_view::npos;
  return hash >= kFewestOfHash && has_digit ? hash : digits;
}

// "user_17" and "user_4711" are called alike, and so are "job_c4ca4238" and "job_c81e728d"; empty where there
// is no number.
std::string without_numbers(const std::string& name) {
  std::string out;
  bool any = false;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t number = length_of_number(name, at);
    any |= number > 0;
    out += number ? '#' : name[at];
    at += std::max<std::size_t>(number, 1);
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
    const std::string plain = name ? without_numbers(*name) : std::string();
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
  const TypeInfo* const type = is_type ? search.labels().types().get(search.address(holder)) : nullptr;
  if (type && is_enum(search, *type)) return;  // it has its members from the start
  const Origin origin = is_type ? search.origin_of_class(search.address(holder)) : search.origin_of({holder});
  // Libraries have tables of constants under such names.
  if (kept.bytes < search.heap_bytes() / (origin == Origin::kApplication ? kPartOfNames : kPartOfLibrarys))
    return;
  Suspect s{.pattern = "global-growth", .node = dict, .bytes = kept.bytes};
  s.objects = alike.values.size();
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

// The modules that no import has found: types.ModuleType() makes one without __spec__ and __file__.
Alike made_by_code(const LeakSearch& search, NodeId modules) {
  Alike out;
  search.objects().each_item(search.address(modules), [&](Address key, Address module) {
    const NodeId n = search.node(module);
    if (n == kNoNode || search.type_of(n).body != TraverseRule::kModule) return;
    const NodeId spec = search.node(search.values().attribute(module, "__spec__"));
    if (spec == kNoNode || search.type_of(spec).name != "builtins.NoneType" ||
        !is_null(search.values().attribute(module, "__file__")))
      return;
    if (out.values.empty()) out.example = search.objects().str(key, 200).value_or(std::string());
    out.values.push_back(n);
  });
  return out;
}

// sys.modules: modules that are loaded again and again under new names.
void look_at_modules(const LeakSearch& search, Suspects& found) {
  for (const PyInterpreter& interpreter : search.clues().interpreters) {
    const NodeId modules = search.node(
        search.objects().pointer(interpreter.state, search.objects().layout().PyInterpreterState.modules));
    if (modules == kNoNode) continue;
    Alike alike =
        most_alike(search, modules, [](const TypeInfo& type) { return type.body == TraverseRule::kModule; });
    const bool by_name = alike.values.size() >= kFewestModules;
    if (!by_name) alike = made_by_code(search, modules);
    if (alike.values.size() < kFewestModules) continue;
    const LeakSearch::Kept kept = search.retained_by_set(alike.values);
    if (kept.bytes < search.heap_bytes() / kPartOfNames) continue;
    Suspect s{.pattern = "global-growth", .node = modules, .owner = "sys.modules", .bytes = kept.bytes};
    s.objects = alike.values.size();
    s.certainty = 0.9;
    s.evidence =
        format_count(s.objects) +
        (by_name ? " modules are called alike, as " : " modules were made by code and of no file, as ") +
        alike.example;
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
