// Results that an interactive shell remembers: IPython's Out, and with it _, __, _1, _2, ...
#include <algorithm>

#include "lib/leaks/cures.h"
#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"

namespace heapglass {

void find_shell_outputs(const LeakSearch& search, Suspects& found) {
  constexpr std::uint64_t kFewestBytes = 65'536, kFiftieth = 50;
  const NodeId main = search.module("__main__");
  if (main == kNoNode || search.module("IPython") == kNoNode) return;
  const NodeId out = search.node(search.values().attribute(search.address(main), "Out"));
  if (out == kNoNode || !(search.type_of(out).flags & kTpDictSubclass)) return;
  const std::vector<NodeId> results = values_of(search, out);
  std::vector<NodeId> all;
  for (const NodeId n : results)
    if (!search.is_structure(n)) all.push_back(n);
  const std::uint64_t bytes = search.retained_by_set(all).bytes;
  if (all.empty() || bytes < std::max(kFewestBytes, search.heap_bytes() / kFiftieth)) return;
  Suspect s{.pattern = "shell-outputs", .node = out, .owner = "__main__.Out", .bytes = bytes};
  s.objects = results.size();
  s.certainty = 0.9;
  s.evidence = "IPython remembers the results of " + format_count(s.objects, "cell", "cells") +
               " in Out, and each as _N in the shell's names";
  const KnownCure* const known = find_cure(search, {out}, s.owner, {});
  s.cure = known ? known->cure : "";
  s.examples.assign(all.begin(),
                    all.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(all.size(), 3)));
  s.kept_objects = some_objects(search, all);
  s.covers = all;
  found.push_back(std::move(s));
}

}  // namespace heapglass
