// What context variables keep: of each variable, its values in all contexts.
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

bool is_variable(const TypeInfo& type) {
  return type.name == "_contextvars.ContextVar" || type.name == "builtins.ContextVar";
}

struct ValuesOfVariable {
  std::vector<NodeId> nodes;
  std::uint64_t contexts = 0;
};

// A program has some dozens, made with its modules: hundreds that have a value are made again and again, and
// a context keeps the value of each as long as it lives.
void find_many_variables(const LeakSearch& search,
                         const std::map<std::uint32_t, ValuesOfVariable>& by_variable, Suspects& found) {
  constexpr std::size_t kMany = 300;
  if (by_variable.size() < kMany) return;
  NodeId context = kNoNode;
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) {
         return t.name == "_contextvars.Context" || t.name == "builtins.Context";
       }))
    if (context == kNoNode ||
        search.dominators().retained_bytes(n) > search.dominators().retained_bytes(context))
      context = n;
  if (context == kNoNode) return;
  std::vector<NodeId> all;
  for (const auto& [variable, v] : by_variable) {
    all.push_back(NodeId{variable});
    all.insert(all.end(), v.nodes.begin(), v.nodes.end());
  }
  Suspect s{.pattern = "contextvar", .node = context, .objects = by_variable.size()};
  // With the tree in which the context has them.
  s.bytes = std::max(search.retained_by_set(all).bytes, search.dominators().retained_bytes(context));
  s.certainty = 0.85;
  s.evidence = format_count(by_variable.size()) + " context variables have values, as ";
  constexpr std::size_t kNamed = 3;
  std::size_t named = 0;
  for (const auto& [variable, v] : by_variable) {
    if (named == kNamed) break;
    const NodeId n{variable};
    s.evidence += (named++ ? ", " : "") + search.repr(named_field(search.objects(), search.address(n),
                                                                  search.type_of(n), "var_name"));
    s.examples.push_back(n);
  }
  s.evidence += "; a context keeps the value of each as long as it lives";
  s.cure =
      "Make each ContextVar once, at module level, and not in a function or for each request: what differs "
      "belongs "
      "into its value.";
  s.covers = std::move(all);
  found.push_back(std::move(s));
}

}  // namespace

void find_context_variables(const LeakSearch& search, Suspects& found) {
  std::map<std::uint32_t, ValuesOfVariable> by_variable;
  // A leaf of the tree that a context is has the variable, and its value behind it.
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) {
         return t.body == TraverseRule::kHamtBitmap || t.body == TraverseRule::kHamtCollision;
       })) {
    const auto inside = search.graph().referents(n);
    for (std::size_t i = 0; i + 1 < inside.size(); ++i) {
      if (!is_variable(search.type_of(inside[i]))) continue;
      ValuesOfVariable& v = by_variable[index(inside[i])];
      v.nodes.push_back(inside[++i]);
      ++v.contexts;
    }
  }
  find_many_variables(search, by_variable, found);
  const std::uint64_t much = std::max<std::uint64_t>(32'768, search.heap_bytes() / 200);
  for (auto& [variable, v] : by_variable) {
    const LeakSearch::Kept kept = search.retained_by_set(v.nodes);
    if (kept.bytes < much) continue;
    const NodeId n{variable};
    std::sort(v.nodes.begin(), v.nodes.end());
    v.nodes.erase(std::unique(v.nodes.begin(), v.nodes.end()), v.nodes.end());
    Suspect s{.pattern = "contextvar", .node = n, .bytes = kept.bytes, .retained = kept.bytes};
    s.objects = v.nodes.size();
    s.certainty = 0.85;
    // One that only contexts have has no better name than its own.
    const std::vector<NodeId> path = search.path_to(n);
    const Address name = named_field(search.objects(), search.address(n), search.type_of(n), "var_name");
    if (path.empty() || (search.type_of(path[0]).body != TraverseRule::kModule &&
                         !(search.type_of(path[0]).flags & kTpTypeSubclass)))
      s.owner = "context variable " + search.repr(name);
    s.evidence = "context variable " + search.repr(name) + " has " +
                 format_count(v.nodes.size(), "value", "values") + " (" + search.type_name(v.nodes[0]) +
                 ") in " + format_count(v.contexts, "place", "places") + " of contexts that are alive";
    if (const auto length = search.values().length(search.address(v.nodes[0])); length && v.nodes.size() == 1)
      s.evidence += ", of " + format_count(*length, "item", "items");
    s.cure =
        "reset() it with the token that set() gave when the request ends, hold little in it (an id, not the "
        "object), and look who keeps the contexts: tasks, callbacks of the loop, threads.";
    s.examples.assign(v.nodes.begin(),
                      v.nodes.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(3, s.objects)));
    s.covers = v.nodes;
    found.push_back(std::move(s));
  }
}

}  // namespace heapglass
