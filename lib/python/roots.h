// Where reachability starts, and the objects that the collector tracks.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/python/frames.h"
#include "lib/python/references.h"

namespace heapglass {

enum class RootKind : std::uint8_t {
  kInterpreter,  // a field of PyInterpreterState
  kThreadState,  // a field of PyThreadState
  kFrame,        // a local or stack entry of a running frame
  kStaticType,   // a type that nobody frees
};

struct PyRoot {
  Address object{};
  RootKind kind = RootKind::kInterpreter;
  std::string holder;  // "interpreter 0", "thread 4711: app.py:42 in handle"
  Edge edge;           // kind and payload of the reference
  bool guess = false;  // a word on a value stack whose depth is not known: may be stale
};

// The strong references that interpreters, thread states and running frames hold.
std::vector<PyRoot> read_roots(TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                               ReadErrors& health);

// Calls visit for every object on the collector's lists, youngest generation first, and `frozen` ones last
// (gc.get_objects leaves those out). Where a list breaks off, the rest comes from its other end; no object
// comes twice. False where both ends do not meet: then what they reach was delivered, some of it perhaps
// twice, and the objects between them have to be found by references.
bool each_tracked(const Objects& objects, const PyInterpreter& interpreter,
                  const std::function<void(Address)>& visit, ReadErrors& health, bool frozen = true);

// Is the object on a list of the collector? (gc.is_tracked)
bool is_tracked(const Objects& objects, Address object, const TypeInfo& type);

}  // namespace heapglass
