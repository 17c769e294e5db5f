// Options with a few possible values.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace heapglass {

// "bytes, count or type"
std::string list_choices(std::span<const std::string_view> choices);

// The Error kUsage of a value that is none of these: "invalid --sort 'x': use bytes, count or type".
Error invalid_choice(std::string_view option, std::string_view value,
                     std::span<const std::string_view> choices);

// The place of `value` among the choices. Throws the Error above.
std::size_t parse_choice(std::string_view option, std::string_view value,
                         std::span<const std::string_view> choices);
inline std::size_t parse_choice(std::string_view option, std::string_view value,
                                std::initializer_list<std::string_view> choices) {
  return parse_choice(option, value, std::span(choices.begin(), choices.size()));
}

}  // namespace heapglass
