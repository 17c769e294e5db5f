// Sizes and times as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace heapglass {

// "2GB", "1.5 GiB"; "10min", "500ms", "1d". Nothing where it is none, or has no unit.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
std::string_view trimmed(std::string_view text);  // of spaces, tabs and carriage returns

}  // namespace heapglass
