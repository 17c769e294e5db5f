// A way as people would say it: module app -> cache -> ['user:17'] -> app.Session
#pragma once

#include <string>
#include <vector>

#include "lib/heap/labels.h"
#include "lib/heap/object_view.h"

namespace heapglass {

struct PathStep {
  NodeId node{};
  std::string label;   // how the step before has it; empty at the start, and where nobody can name it
  std::string what;    // what the object is, where that says something; at the end always
  bool guess = false;  // scanned from the bytes of the step before
  bool inner = false;  // the dict that a WeakKeyDictionary or UserDict has inside: code names the step before
};

struct PathText {
  std::string start;            // "module app", "thread 4711: app.py:42 in handle", "C code"
  std::vector<PathStep> steps;  // every object of the way; the first is the start itself or what it holds
  std::string text;             // all of it in one line
};

class PathFormatter {
 public:
  // All borrowed.
  PathFormatter(Labels& labels, const ObjectView& values) : labels_(labels), values_(values) {}

  // `way` from its start to the object. Where others are alike from `merged_at` on, `alike` of them are told
  // of.
  PathText tell(const std::vector<NodeId>& path, std::uint64_t alike = 1,
                std::size_t merged_at = ~std::size_t{0});
  // For the text alone: of a long path the steps between its ends have no label and are not described.
  PathText tell_ends(const std::vector<NodeId>& path);

 private:
  enum class Steps { kAll, kEnds };
  PathText tell(const std::vector<NodeId>& path, std::uint64_t alike, std::size_t merged_at, Steps described);
  bool is_passed_over(const std::vector<NodeId>& path, std::size_t i);
  void tell_start(NodeId first, PathText& out);

  Labels& labels_;
  const ObjectView& values_;
};

}  // namespace heapglass
