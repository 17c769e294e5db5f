// Values in the lines of rules.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/guard/rules.h"

namespace heapglass {

// "2GB", "1.5 GiB"; "10min", "500ms", "1d". Nothing where it is none.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// "memory > 90%", "event max", "pressure some > 150ms in 2s", "growth > 200MB in 10min". Nothing where it is
// none, and `why` has the part that is wrong, where that can be said.
std::optional<Trigger> parse_trigger(std::string_view text, std::string& why);

std::string_view trimmed(std::string_view text);  // of spaces, tabs and carriage returns
std::vector<std::string_view> words_of(std::string_view text);

}  // namespace heapglass
