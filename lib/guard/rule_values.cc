#include "lib/guard/rule_values.h"

#include <charconv>
#include <cmath>
#include <span>

namespace heapglass {
namespace {

using std::chrono::milliseconds;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

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

// "memory > 90%": what is measured, the amount, and "in" with a time.
struct Comparison {
  std::vector<std::string_view> what;
  std::string_view amount, window;
};

std::optional<Comparison> split_comparison(std::string_view text) {
  const std::size_t greater = text.find('>'), in = text.find(" in ");
  if (greater == text.npos || (in != text.npos && in < greater)) return std::nullopt;
  return Comparison{words_of(text.substr(0, greater)),
                    trimmed(text.substr(greater + 1, in == text.npos ? in : in - greater - 1)),
                    in == text.npos ? std::string_view() : trimmed(text.substr(in + 4))};
}

bool take_bytes(std::string_view amount, Trigger& out, std::string& why) {
  out.bytes = parse_size(amount).value_or(0);
  if (out.bytes == 0) why = "'" + std::string(amount) + "' is no size";
  return out.bytes != 0;
}

bool take_time(std::string_view text, milliseconds& out, std::string& why) {
  out = parse_duration(text).value_or(milliseconds(0));
  if (out.count() == 0) why = "'" + std::string(text) + "' is no time";
  return out.count() != 0;
}

bool take_no_window(const Comparison& from, std::string& why) {
  if (!from.window.empty()) why = std::string(from.what[0]) + " has no 'in'";
  return from.window.empty();
}

bool take_memory(const Comparison& from, Trigger& out, std::string& why) {
  if (!take_no_window(from, why)) return false;
  if (!from.amount.ends_with('%')) return take_bytes(from.amount, out, why);
  const std::string_view number = trimmed(from.amount.substr(0, from.amount.size() - 1));
  const char* const behind = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), behind, out.percent, std::chars_format::fixed);
  const bool is_share = error == std::errc() && end == behind && out.percent >= 1 && out.percent < 100;
  if (!is_share) why = "the share is 1% to 99.9%";
  return is_share;
}

bool take_pressure(const Comparison& from, Trigger& out, std::string& why) {
  out.kind = TriggerKind::kPressure;
  out.full = from.what[1] == "full";
  if (!take_time(from.amount, out.stall, why) || !take_time(from.window, out.window, why)) return false;
  // Documentation/accounting/psi.rst
  if (out.window < milliseconds(500) || out.window > std::chrono::seconds(10))
    why = "the kernel takes 500ms to 10s";
  else if (out.stall > out.window)
    why = "it waits longer than the time has";
  return why.empty();
}

bool take_growth(const Comparison& from, Trigger& out, std::string& why) {
  out.kind = TriggerKind::kGrowth;
  if (!take_bytes(from.amount, out, why) || !take_time(from.window, out.window, why)) return false;
  if (out.window < std::chrono::seconds(1)) why = "growth is within at least 1s";
  return why.empty();
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    std::size_t end = 0;
    while (end < text.size() && !is_space(text[end])) ++end;
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

std::optional<Trigger> parse_trigger(std::string_view text, std::string& why) {
  Trigger out;
  out.text = std::string(text);
  const std::vector<std::string_view> words = words_of(text);
  if (!words.empty() && words[0] == "event") {
    out.kind = TriggerKind::kEvent;
    out.event = words.size() == 2 ? std::string(words[1]) : "";
    if (out.event == "high" || out.event == "max" || out.event == "oom") return out;
    why = "an event is high, max or oom";
    return std::nullopt;
  }
  const auto from = split_comparison(text);
  if (!from || from->what.empty()) return std::nullopt;
  const std::string_view what = from->what[0];
  bool is_one = false;
  if (from->what.size() == 2 && what == "pressure" && (from->what[1] == "some" || from->what[1] == "full")) {
    is_one = take_pressure(*from, out, why);
  } else if (from->what.size() == 1 && what == "memory") {
    is_one = take_memory(*from, out, why);
  } else if (from->what.size() == 1 && what == "rss") {
    out.kind = TriggerKind::kRss;
    is_one = take_no_window(*from, why) && take_bytes(from->amount, out, why);
  } else if (from->what.size() == 1 && what == "growth") {
    is_one = take_growth(*from, out, why);
  }
  return is_one ? std::optional(out) : std::nullopt;
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
