// What Enter shows of a row of top: who refers to the objects, and their root paths.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/screen/screen.h"

namespace heapglass {

// Lines for a screen of that width. The heap has its references.
std::vector<std::string> type_detail(const Heap& heap, const std::string& type, std::size_t columns,
                                     ScreenText how);
std::vector<std::string> owner_detail(const Heap& heap, const std::string& owner, std::size_t columns,
                                      ScreenText how);

}  // namespace heapglass
