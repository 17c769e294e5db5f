// Greenlets, gevent's threads, that do not run now: where each stands. Of greenlet 2.0 and later.
#pragma once

#include <string>
#include <vector>

#include "lib/base/limits.h"
#include "lib/heap/object_view.h"

namespace heapglass {

struct SuspendedGreenlet {
  Address object{};
  std::string type;             // "greenlet.greenlet", "gevent._gevent_cgreenlet.Greenlet"
  std::vector<PyFrame> frames;  // innermost first
};

// Those that have begun and not ended; the running one's frames are its thread's. Nothing where the module is
// not loaded. Walks the lists of the collector.
std::vector<SuspendedGreenlet> find_greenlets(TypeTable& types,
                                              const std::vector<PyInterpreter>& interpreters,
                                              const Limits& limits, ReadErrors& health);

}  // namespace heapglass
