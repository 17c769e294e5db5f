// What the references of a whole heap are called, object by object: for formats that name edges.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "lib/heap/labels.h"

namespace heapglass {

// From one thread; keeps no more than the names of some hundred thousand references at once.
class ReferenceNames {
 public:
  explicit ReferenceNames(Labels& labels) : labels_(labels) {}
  // Of reference number `edge` of the graph, which is one of `referrer`. Asked in order. Empty: it has none.
  std::string name(NodeId referrer, std::uint64_t edge);

 private:
  Labels& labels_;
  NodeId counted_ = kNoNode;
  std::unordered_map<std::uint32_t, std::uint32_t> seen_;  // references of counted_ by referent
  std::uint64_t asked_ = 0;
};

}  // namespace heapglass
