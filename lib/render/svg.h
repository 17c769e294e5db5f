// Makes Graphviz's SVG follow the viewer's dark mode.
#pragma once

#include <string>

namespace heapglass {

std::string with_dark_mode(std::string svg);

}  // namespace heapglass
