// Values in the lines of rules.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/quantities.h"
#include "lib/guard/rules.h"

namespace heapglass {

// "memory > 90%", "event max", "pressure some > 150ms in 2s", "growth > 200MB in 10min". Nothing where it is
// none, and `why` has the part that is wrong, where that can be said.
std::optional<Trigger> parse_trigger(std::string_view text, std::string& why);

std::vector<std::string_view> words_of(std::string_view text);

}  // namespace heapglass
