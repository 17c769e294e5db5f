#include "lib/render/numbers.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace heapglass {
namespace {

std::string three_digits(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", number < 9.995 ? 2 : number < 99.95 ? 1 : 0, number);
  return text;
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string grouped(std::int64_t number) {
  if (number >= 0) return grouped(static_cast<std::uint64_t>(number));
  return "-" + grouped(~static_cast<std::uint64_t>(number) + 1);
}

std::string signed_count(std::int64_t number) { return (number < 0 ? "" : "+") + grouped(number); }

std::string signed_bytes(std::int64_t bytes) {
  const auto size = static_cast<std::uint64_t>(bytes);
  return (bytes < 0 ? "-" : "+") + human_bytes(bytes < 0 ? ~size + 1 : size);
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  static constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double scaled = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  for (; scaled >= 999.5 && unit + 1 < std::size(kUnits); ++unit) scaled /= 1000;
  return three_digits(scaled) + " " + kUnits[unit];
}

std::string human_percent(double ratio) {
  if (!std::isfinite(ratio)) return "-";
  const double percent = ratio * 100;
  if (percent > 0 && percent < 0.05) return "<0.1 %";
  char text[40];
  std::snprintf(text, sizeof text, "%.1f %%", percent);
  return text;
}

std::string human_milliseconds(double duration) {
  if (!std::isfinite(duration)) return "-";
  if (duration < 0) return "-" + human_milliseconds(-duration);
  if (duration < 999.5) return three_digits(duration) + " ms";
  if (duration < 59'950) return three_digits(duration / 1000) + " s";
  const auto seconds = static_cast<std::uint64_t>(std::llround(duration / 1000));
  if (seconds < 3600) return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
  return grouped(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
}

std::string plain(double number) {
  if (!std::isfinite(number)) return "null";
  char text[32];
  const bool whole = std::abs(number) < 1e15 && number == std::trunc(number);  // bytes and counts: 1500000000
  const auto [end, error] = whole ? std::to_chars(text, text + sizeof text, number, std::chars_format::fixed)
                                  : std::to_chars(text, text + sizeof text, number);
  return {text, end};
}

}  // namespace heapglass
