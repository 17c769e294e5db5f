// Where reachability starts.
#pragma once

#include <string>
#include <vector>

#include "lib/python/frames.h"
#include "lib/python/references.h"

namespace heapglass {

enum class RootKind : std::uint8_t {
  kInterpreter,  // a field of PyInterpreterState
  kThreadState,  // a field of PyThreadState
  kFrame,        // a local or stack entry of a running frame
  kStaticType,   // a type that is never freed
};

struct PyRoot {
  Address object{};
  RootKind kind = RootKind::kInterpreter;
  std::string holder;  // "interpreter 0", "thread 4711: app.py:42 in handle"
  Edge edge;           // kind and payload of the reference
  bool guess = false;  // a word on a value stack whose depth is not known: may be stale
};

// The strong references of interpreters, thread states and running frames. The payload of a field's edge is a
// name of `types`.
std::vector<PyRoot> read_roots(TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                               ReadErrors& errors);

}  // namespace heapglass
