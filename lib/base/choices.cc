#include "lib/base/choices.h"

#include <algorithm>

namespace heapglass {

std::string list_choices(std::span<const std::string_view> choices) {
  std::string list;
  for (std::size_t i = 0; i < choices.size(); ++i)
    list += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + std::string(choices[i]);
  return list;
}

Error invalid_choice(std::string_view option, std::string_view value,
                     std::span<const std::string_view> choices) {
  return Error(ErrorKind::kUsage, "invalid " + std::string(option) + " '" + std::string(value) + "': use " +
                                      list_choices(choices));
}

std::size_t parse_choice(std::string_view option, std::string_view value,
                         std::span<const std::string_view> choices) {
  const auto at = std::find(choices.begin(), choices.end(), value);
  if (at == choices.end()) throw invalid_choice(option, value, choices);
  return static_cast<std::size_t>(at - choices.begin());
}

}  // namespace heapglass
