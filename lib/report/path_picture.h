// RootPaths from outside to objects, in one picture: what they share is drawn once.
#pragma once

#include <string>
#include <vector>

#include "lib/report/graph_drawer.h"

namespace heapglass {

// Each way from its start to the object; `most` objects are drawn, those nearest to the ends of the first
// ways first.
Picture draw_root_paths(GraphDrawer& maker, const std::vector<std::vector<NodeId>>& root_paths,
                        const std::string& title, std::size_t most);

}  // namespace heapglass
