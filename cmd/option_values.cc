// Values of options: numbers, times, addresses, modes of files.
#include <charconv>
#include <string>

#include "cmd/command.h"
#include "lib/base/error.h"

namespace heapglass {

FileMode parse_file_mode(const std::string& text) {
  constexpr unsigned kOwnerWrites = 0200, kMost = 0666;
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || (mode & ~kMost) || !(mode & kOwnerWrites))
    throw Error(ErrorKind::kUsage, "invalid --mode '" + text + "': use an octal number such as 0640",
                "the owner has to be able to write, and nobody to execute");
  return {static_cast<mode_t>(mode), true};
}

Address parse_address(std::string_view option, const std::string& text) {
  std::string_view digits = text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  } else if (digits.find_first_not_of("0123456789") != std::string_view::npos) {
    base = 16;
  }
  std::uint64_t a = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), a, base);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw Error(ErrorKind::kUsage,
                "invalid " + std::string(option) + " '" + text +
                    "': use an address as id() or heapglass objects print it",
                "139872341 or 0x8565355");
  return Address{a};
}

long long parse_count(std::string_view option, const std::string& text, long long least, long long most) {
  long long n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < least || n > most)
    throw Error(ErrorKind::kUsage, "invalid " + std::string(option) + " '" + text +
                                       "': use a whole number from " + std::to_string(least) + " to " +
                                       std::to_string(most));
  return n;
}

std::chrono::milliseconds parse_time(std::string_view option, const std::string& text) {
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
                "invalid " + std::string(option) + " '" + text + "': use a time such as 500ms, 10s or 2m");
  return std::chrono::milliseconds(parse_count(option, text.substr(0, digits), 1, 1'000'000) * factor);
}

}  // namespace heapglass
