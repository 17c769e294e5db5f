// repr() of the values that are text and numbers alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace heapglass {

// The shortest text that reads back equal, as float.__repr__ has it.
std::string float_repr(double number);
// repr(str)[:limit]; in `text`, which is one of Objects::str, lone surrogates are three bytes each.
std::string str_repr(std::string_view text, std::size_t limit);

std::size_t code_points(std::string_view text);

}  // namespace heapglass
