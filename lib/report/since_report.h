// What `since` answers, as a document.
#pragma once

#include <string>
#include <vector>

#include "lib/base/caveat.h"
#include "lib/compare/since.h"
#include "lib/heap/heap.h"
#include "lib/render/report.h"

namespace heapglass {

struct SinceQuestion {
  std::string owner, type;  // one of them
  std::uint64_t least = 1;  // bytes below which it is not there
};

// What is called so in a heap: of an owner all that hangs in it, and in owners whose names begin with its
// own; of a type the types that it names.
SizeAtCapture size_in(const Heap& heap, const SinceQuestion& question);

// `since` is of these captures; `caveats` of the last of them.
Document since_report(const SinceQuestion& question, const Since& since,
                      const std::vector<CaptureFacts>& captures, const std::vector<Caveat>& caveats);

}  // namespace heapglass
