// The object graph of a heap: which address, type and roots its nodes have.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/graph/graph.h"
#include "lib/heap/address_index.h"
#include "lib/python/edges.h"
#include "lib/python/roots.h"

namespace heapglass {

struct GraphType {
  std::string name;  // module.qualname
  Address address{};
  Resolution resolution = Resolution::kExact;
  bool size_unsure = false;
  const TypeInfo* info = nullptr;  // while the image is there
};

struct GraphRoot {
  NodeId node{};
  RootKind kind = RootKind::kInterpreter;
  std::string holder;
  Edge edge;
  bool guess = false;
};

// A graph whose nodes are Python's objects; `type` is an index into `types`.
struct HeapGraph : Graph {
  std::unique_ptr<AddressIndex> index;
  std::vector<GraphType> types;  // by name, then address
  // By node, of a snapshot: bytes in buffers apart from the object's own block, those included that its size
  // does not count. Empty: the memory tells (external_bytes.h).
  SizeColumn external;
  // By node, of a snapshot that has hashes in place of values: equal for equal values; 0: it has none. Empty:
  // no hashes.
  std::vector<std::uint64_t> value_hash;
  std::vector<GraphRoot> roots;
};

}  // namespace heapglass
