// objgraph 3.6's own words for objects and references, as its _show_graph writes them; what its repr() calls
// would make of an object is read from the bytes (python_repr).
#pragma once

#include <string>
#include <vector>

#include "lib/heap/labels.h"

namespace heapglass {

// type(o).__name__, or with the module: never the qualname.
std::string objgraph_type_name(TypeTable& types, Address object, bool long_name);

// The label's second line: name of a class, module or function, "N items", else repr(o)[:40].
std::string objgraph_repr(TypeTable& types, Address object);

struct ObjgraphEdgeLabel {
  std::string text;  // may be empty
  int weight = 0;    // 0: not said
};
ObjgraphEdgeLabel objgraph_edge_label(Labels& labels, NodeId holder, NodeId held, bool long_names);

// objgraph.most_common_types(): type names and how many objects the collector's lists have of each, the
// frozen ones left out; most first, those of equal number in the order in which they come. `limit` 0: all.
std::vector<std::pair<std::string, std::uint64_t>> objgraph_common_types(
    TypeTable& types, const std::vector<PyInterpreter>& interpreters, bool long_names, std::size_t limit);

// Does its class have a __del__? Generators and files do: of C code.
bool has_del(TypeTable& types, Address object);
// Only one that is written in Python.
bool has_python_del(TypeTable& types, Address object);

}  // namespace heapglass
