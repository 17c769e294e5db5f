// The names of the freeze modes, for completions.
#pragma once

#include <string_view>
#include <vector>

namespace heapglass {

std::vector<std::string_view> freeze_modes();

}  // namespace heapglass
