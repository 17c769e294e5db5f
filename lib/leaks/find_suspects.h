// What leaks, as far as one moment of a heap can tell: every pattern that is known, looked for by its
// detector.
//
// To add a pattern: a function in a file of this folder, declared in detectors.h, and its row in
// find_suspects.cc.
#pragma once

#include <string_view>
#include <vector>

#include "lib/leaks/leak_search.h"
#include "lib/leaks/suspect.h"

namespace heapglass {

struct SuspectOptions {
  // Those too that are told only if they grew: for annotate_growth(), which takes out the others.
  bool to_compare = false;
};

// The likeliest and largest first.
std::vector<Suspect> find_suspects(const LeakSearch& search, const SuspectOptions& options = {});

}  // namespace heapglass
