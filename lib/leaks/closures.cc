// Functions whose closures keep large data: many of one code, or a single one.
#include <algorithm>
#include <map>

#include "lib/leaks/chains.h"
#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kMuchEach = 512;  // bytes that each of many closures keeps
constexpr std::uint64_t kMuchAlone = 256'000;

struct Variable {
  std::string name;
  NodeId content = kNoNode;
  std::uint64_t bytes = 0;
};

// What a variable of a function's closure keeps, and what the function has under another name besides:
// functools.wraps gives it __wrapped__.
std::uint64_t kept_by_cell(const LeakSearch& search, NodeId function, NodeId cell) {
  std::uint64_t bytes = search.dominators().retained_bytes(cell);
  for (const NodeId content : search.graph().referents(cell))
    if (search.dominators().dominator(content) == function)
      bytes += search.dominators().retained_bytes(content);
  return bytes;
}

std::uint64_t kept_by_closure(const LeakSearch& search, NodeId function, NodeId closure) {
  std::uint64_t bytes = search.dominators().retained_bytes(closure);
  for (const NodeId cell : search.graph().referents(closure))
    if (search.type_of(cell).name == "builtins.cell")
      bytes += kept_by_cell(search, function, cell) - search.dominators().retained_bytes(cell);
  return bytes;
}

// The variable of the function's closure that keeps most.
Variable largest_variable(const LeakSearch& search, NodeId function, NodeId closure) {
  Variable largest;
  for (const NodeId cell : search.graph().referents(closure)) {
    if (search.type_of(cell).name != "builtins.cell") continue;
    const std::uint64_t bytes = kept_by_cell(search, function, cell);
    if (bytes <= largest.bytes) continue;
    largest.bytes = bytes;
    const auto inside = search.graph().referents(cell);
    largest.content = inside.empty() ? kNoNode : inside[0];
    for (const Labels::Label& label : search.labels().between(closure, cell))
      if (const std::size_t blank = label.text.find("] "); blank != std::string::npos)
        largest.name = label.text.substr(blank + 2);
  }
  return largest;
}

void add_suspect(const LeakSearch& search, const LeakSearch::Group& group,
                 const std::vector<NodeId>& closures, std::uint64_t count, Suspects& found) {
  const NodeId function = group.members[0];
  const Variable variable = largest_variable(search, function, closures[0]);
  if (variable.content == kNoNode || group.owner == kNoNode) return;
  const TypeInfo& content = search.type_of(variable.content);
  // One function that remembers in its closure is a cache.
  if (count == 1 && content.flags & (kTpDictSubclass | kTpTypeSubclass)) return;
  if (count == 1 && (content.body == TraverseRule::kSet || content.body == TraverseRule::kLruCache)) return;
  // What only C code leads to is the application's where its function is.
  const Origin where = search.origin_of(search.path_to(group.owner));
  // Packages decorate their functions once, when they are imported.
  const std::uint64_t bytes = search.retained_by_set(group.members).bytes;
  constexpr std::uint64_t kTenth = 10;
  if (where == Origin::kInstalled && count < kManyAlike && bytes < search.heap_bytes() / kTenth) return;
  Suspect s{.pattern = "closure-capture", .node = group.owner};
  s.bytes = bytes;
  s.objects = count;
  s.certainty = count >= kManyAlike ? 0.9 : 0.6;
  if (where == Origin::kStandard && search.origin_of_function(function) != Origin::kApplication)
    s.certainty *= 0.2;
  const std::string called = search.repr(search.address(function), 100);
  const std::string what = "its variable " + (variable.name.empty() ? "" : variable.name + " ") + "(" +
                           search.type_name(variable.content) + ")";
  s.evidence = s.objects == 1
                   ? "the closure of function " + called + " keeps data alive, most of it " + what
                   : format_count(s.objects) + " functions " + called +
                         ", each with a closure of its own that keeps data alive, most of it " + what;
  s.cure =
      "Give the inner function only what it needs, not the whole object (take the one value out first), "
      "set " +
      (variable.name.empty() ? "the variable" : variable.name) +
      " to None when it is done with, and drop the function itself when it was called for the last time.";
  s.examples.assign(
      group.members.begin(),
      group.members.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(group.members.size(), 3)));
  found.push_back(std::move(s));
}

}  // namespace

void find_closures(const LeakSearch& search, Suspects& found) {
  const Objects& o = search.objects();
  std::map<std::uint64_t, std::vector<NodeId>> by_code;
  std::map<std::uint32_t, NodeId> closure_of;
  for (const NodeId n : search.nodes_of("builtins.function")) {
    const NodeId closure = search.node(named_field(o, search.address(n), search.type_of(n), "func_closure"));
    if (closure == kNoNode || kept_by_closure(search, n, closure) < kMuchEach) continue;
    closure_of[index(n)] = closure;
    by_code[value(o.pointer(search.address(n), o.layout().PyFunctionObject.func_code))].push_back(n);
  }
  const std::uint64_t much = std::max<std::uint64_t>(32'768, search.heap_bytes() / 500);
  for (const auto& [code, functions] : by_code) {
    // What wraps itself again and again is one suspect.
    const Chains chains(search, functions);
    std::vector<NodeId> outermost = chains.outermost();
    if (outermost.size() > 1)
      std::erase_if(outermost,
                    [&](NodeId n) { return chains.length(n) == 1 && is_of_definition(search, n); });
    for (const LeakSearch::Group& group : search.group_by_owner(outermost)) {
      std::vector<NodeId> closures;
      closures.reserve(group.members.size());
      std::uint64_t kept = 0, count = 0;
      for (const NodeId n : group.members) {
        closures.push_back(closure_of[index(n)]);
        kept += kept_by_closure(search, n, closures.back());
        count += chains.length(n);
      }
      if (kept < much || (count < kManyAlike && kept < kMuchAlone)) continue;
      add_suspect(search, group, closures, count, found);
    }
  }
}

}  // namespace heapglass
