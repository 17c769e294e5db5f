#include "lib/base/quantities.h"

#include <charconv>
#include <cmath>
#include <span>

namespace heapglass {
namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name;
  double factor;
};
constexpr Unit kSizes[] = {
    {"B", 1},     {"kB", 1e3},     {"KB", 1e3},        {"MB", 1e6},           {"GB", 1e9},
    {"TB", 1e12}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0}};
constexpr Unit kTimes[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};

// A number and one of the units; nothing below 0 and nothing that a 64-bit number does not have.
std::optional<double> parse_with_unit(std::string_view text, std::span<const Unit> units, double most) {
  text = trimmed(text);
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
  const std::string_view unit = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
  for (const Unit& each : units)
    if (each.name == unit && number * each.factor <= most) return number * each.factor;
  return std::nullopt;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto bytes = parse_with_unit(text, kSizes, 1e18);
  return bytes ? std::optional(static_cast<std::uint64_t>(*bytes)) : std::nullopt;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  const auto ms = parse_with_unit(text, kTimes, 8.64e7 * 36500);
  return ms ? std::optional(milliseconds(static_cast<std::int64_t>(*ms))) : std::nullopt;
}

}  // namespace heapglass
