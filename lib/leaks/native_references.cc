// Objects that C code refers to where nothing can look.
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"
#include "lib/python/describe.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kFewestBytes = 65'536;

// A dict that a module has its names in, sys.modules or the interned strings: C code that keeps it too, as
// that of Cython's modules, keeps nothing alive by that.
bool is_the_interpreters(const LeakSearch& search, NodeId n) {
  return search.type_of(n).flags & kTpDictSubclass &&
         (search.is_structure(n) || is_interned_table(search.objects(), search.address(n)));
}

// "most of them function leak.<locals>.<lambda>"; empty where there is no such name.
std::string commonest_function(const LeakSearch& search, const std::vector<NodeId>& nodes) {
  constexpr std::size_t kSampled = 300;
  const std::size_t step = std::max<std::size_t>(1, nodes.size() / kSampled);
  std::map<std::string, std::size_t> names;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < nodes.size(); i += step, ++seen) {
    const TypeInfo& type = search.type_of(nodes[i]);
    if (type.name == "builtins.function" || type.name == "builtins.method")
      ++names[search.repr(search.address(nodes[i]), 100)];
  }
  for (const auto& [name, count] : names)
    if (count * 2 > seen) return ", most of them " + name;
  return {};
}

// Cython's modules have references to hundreds of dicts in variables of their own, a twentieth of a healthy
// process with h5py: less than a tenth of the heap is told only if it grew.
void look_for_native_references(const LeakSearch& search, bool to_compare, Suspects& found) {
  constexpr std::uint64_t kMany = 500, kTenth = 10;
  for (const auto& [name, count] : search.clues().held.by_type) {
    if (count < kMany || name == "builtins.str" || name == "builtins.type" || name == "builtins.code")
      continue;
    std::vector<NodeId> counted;
    for (const NodeId n : search.nodes_of(name))
      if (search.clues().held.held[index(n)] && !is_lost(search, n) && !is_the_interpreters(search, n))
        counted.push_back(n);
    if (counted.size() < kMany) continue;
    const LeakSearch::Kept kept = search.retained_by_set(counted);
    if (kept.bytes < std::max(kFewestBytes, search.heap_bytes() / 100) ||
        (kept.bytes < search.heap_bytes() / kTenth) != to_compare)
      continue;
    Suspect s{
        .pattern = "native-references", .node = counted[0], .bytes = kept.bytes, .objects = counted.size()};
    s.owner = "C code, " + search.type_name(counted[0]);
    s.certainty = 0.6;
    s.only_if_grown = to_compare;
    s.evidence =
        format_count(counted.size()) + " objects of " + name + commonest_function(search, counted) +
        ", are counted more often than references to them were found anywhere: an extension module holds "
        "them, or forgot a Py_DECREF";
    s.cure =
        "Look at the extension that makes or takes them; heapglass show --id prints how many references of "
        "one have no referrer.";
    if (name == "builtins.function" && search.module("sqlite3") != kNoNode)
      s.cure +=
          " sqlite3 keeps what create_function(), create_aggregate() and create_collation() were given until "
          "the "
          "connection is closed: register each once.";
    s.examples.assign(counted.begin(), counted.begin() + 3);
    found.push_back(std::move(s));
  }
}

}  // namespace

void find_native_references(const LeakSearch& search, Suspects& found) {
  look_for_native_references(search, false, found);
}

void find_native_references_to_compare(const LeakSearch& search, Suspects& found) {
  look_for_native_references(search, true, found);
}

}  // namespace heapglass
