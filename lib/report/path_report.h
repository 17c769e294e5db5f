// Root paths of objects as tables: what path prints, and top for a row.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/heap/path_text.h"
#include "lib/render/report.h"

namespace heapglass {

struct FoundPath {
  std::vector<NodeId> path;
  std::uint64_t objects = 1, bytes = 0;  // that are reached so
  PathText text;
};

struct FoundPaths {
  std::vector<FoundPath> paths;
  std::size_t in_all = 0;     // those included that `count` left out
  std::uint64_t reached = 0;  // of the targets
};

// The `count` shortest paths to one target, or the most frequent to several. `targets` in order, each once.
FoundPaths find_paths(const Heap& heap, const RootPaths& root_paths, const std::vector<NodeId>& targets,
                      std::size_t count);

// "paths", without notes.
Table paths_table(const Heap& heap, const std::vector<FoundPath>& paths);

// "holders": who refers to the objects, each independently of the others. None where there are less than two.
std::optional<Table> holders_table(const Heap& heap, const RootPaths& root_paths,
                                   const std::vector<NodeId>& targets);

}  // namespace heapglass
