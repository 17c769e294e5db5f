#include "cmd/time_text.h"

#include "cmd/command.h"
#include "lib/base/error.h"

namespace heapglass {

std::chrono::milliseconds parse_time(const std::string& option, const std::string& text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const std::string unit = text.substr(digits);
  const long long factor = unit.empty() || unit == "s" ? 1000
                           : unit == "ms"              ? 1
                           : unit == "m"               ? 60'000
                           : unit == "h"               ? 3'600'000
                                                       : 0;
  if (digits == 0 || factor == 0)
    throw Error(ErrorKind::kUsage,
                "invalid " + option + " '" + text + "': use a time such as 500ms, 10s or 2m");
  return std::chrono::milliseconds(parse_count(option, text.substr(0, digits), 1, 1'000'000) * factor);
}

}  // namespace heapglass
