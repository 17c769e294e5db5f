// Times on the command line.
#pragma once

#include <chrono>
#include <string>

namespace heapglass {

// "10s", "500ms", "2m", "1h", "10": seconds where no unit is given. Throws Error kUsage naming the option.
std::chrono::milliseconds parse_time(const std::string& option, const std::string& text);

}  // namespace heapglass
