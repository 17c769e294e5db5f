// The names of types: module.qualname.
#pragma once

#include <string_view>

namespace heapglass {

// The part after the last dot.
std::string_view short_type_name(std::string_view type);

// objgraph's rule: a wanted name with a dot is the whole name, one without is the part after the last dot.
bool type_matches(std::string_view type, std::string_view wanted);

}  // namespace heapglass
