// Classes that are made while the program runs: again and again the same one, or ever new ones in a registry.
#include <algorithm>
#include <map>

#include "lib/leaks/cures.h"
#include "lib/leaks/detectors.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

// Has its module it under its name? Then it was made when that was imported, and stays as long.
bool is_of_its_module(const LeakSearch& search, NodeId n, const std::string& name) {
  const NodeId module = search.module(type_module(search.labels().types(), search.address(n)));
  if (module == kNoNode) return false;
  const std::string prefix = search.module_name(module) + ".";
  if (!name.starts_with(prefix)) return false;
  Address at = search.address(module);
  for (std::size_t from = prefix.size(); from <= name.size() && !is_null(at);) {
    const std::size_t dot = std::min(name.find('.', from), name.size());
    at = search.values().attribute(at, name.substr(from, dot - from));
    from = dot + 1;
  }
  return at == search.address(n);
}

std::string class_name(const LeakSearch& search, NodeId n) {
  const TypeInfo* type = search.labels().types().get(search.address(n));
  return type ? type->name : std::string();
}

// The class that most of them are derived from directly, if it is more than object.
std::string common_base(const LeakSearch& search, const std::vector<NodeId>& classes) {
  std::map<std::string, std::size_t> bases;
  for (const NodeId n : classes) {
    const Address base =
        search.objects().pointer(search.address(n), search.objects().layout().PyTypeObject.tp_base);
    if (const NodeId b = search.node(base); b != kNoNode) ++bases[class_name(search, b)];
  }
  for (const auto& [name, count] : bases)
    if (count * 2 > classes.size() && name != "builtins.object") return name;
  return {};
}

Suspect suspect_of(const LeakSearch& search, const LeakSearch::Group& group) {
  Suspect s{.node = group.owner,
            .bytes = search.retained_by_set(group.members).bytes,
            .objects = group.members.size()};
  s.examples.assign(group.members.begin(),
                    group.members.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(s.objects, 3)));
  return s;
}

}  // namespace

void find_classes(const LeakSearch& search, Suspects& found) {
  std::map<std::string, std::vector<NodeId>> by_name;
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) { return t.flags & kTpTypeSubclass; }))
    if (search.objects().type_flags(search.address(n)) & kTpHeapType && search.is_reached(n))
      by_name[class_name(search, n)].push_back(n);
  std::vector<NodeId> different;
  for (const auto& [name, classes] : by_name) {
    if (classes.size() < kManyAlike) {
      for (const NodeId n : classes)
        if (!is_of_its_module(search, n, name)) different.push_back(n);
      continue;
    }
    // A library makes some when it is imported.
    constexpr std::size_t kManyOfLibrary = 100;
    if (classes.size() < kManyOfLibrary &&
        search.origin_of_class(search.address(classes[0])) != Origin::kApplication)
      continue;
    LeakSearch::Group group = search.group_by_owner(classes)[0];
    const bool together = group.members.size() * 2 > classes.size();
    group.members = classes;
    Suspect s = suspect_of(search, group);
    s.pattern = "runtime-classes";
    if (!together) s.owner = name;
    // A few dozen may have been made when modules were imported.
    s.certainty = 0.9 * std::min(1.0, static_cast<double>(classes.size()) / 200);
    s.evidence = format_count(classes.size()) + " classes have the name " + name +
                 ": the same class statement, or a call of type() or namedtuple(), runs again and again";
    const std::vector<NodeId> path = together ? search.path_to(group.owner) : std::vector<NodeId>();
    const KnownCure* const known =
        path.empty() ? nullptr : find_cure(search, path, search.owner_of(path), classes);
    if (known && known->says) s.evidence += std::string("; ") + known->says;
    s.cure = known ? known->cure
                   : "Make the class once, at module level, or remember it by what it depends on; an "
                     "object's own data "
                     "belongs in attributes.";
    found.push_back(std::move(s));
  }
  for (const LeakSearch::Group& group : search.group_by_owner(different)) {
    if (group.members.size() < kManyAlike || group.owner == kNoNode) continue;
    Suspect s = suspect_of(search, group);
    const std::uint64_t entries = search.values().length(search.address(group.owner)).value_or(0);
    if (entries > 2 * group.members.size()) continue;
    s.pattern = "class-registry";
    s.certainty = 0.8;
    const std::string base = common_base(search, group.members);
    s.evidence = search.type_name(group.owner) + " of " + format_count(entries, "entry", "entries") +
                 " with " + format_count(group.members.size()) +
                 " classes that were made while the program ran, as " + class_name(search, group.members[0]);
    if (!base.empty())
      s.evidence += "; they are derived from " + base + ", whose __subclasses__() has them too";
    s.cure =
        "Do not make a class for each case, or take it out of the registry with what it was made for "
        "(weakref.WeakValueDictionary).";
    found.push_back(std::move(s));
  }
}

}  // namespace heapglass
