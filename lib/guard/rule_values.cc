#include "lib/guard/rule_values.h"

#include <charconv>

namespace heapglass {
namespace {

using std::chrono::milliseconds;

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
  if (text == "memory-error") {
    out.kind = TriggerKind::kMemoryError;
    return out;
  }
  if (!words.empty() && words[0] == "exit") {
    out.kind = TriggerKind::kEnd;
    out.failed = words.size() == 2 && words[1] == "failed";
    if (words.size() == 1 || out.failed) return out;
    why = "write 'exit' or 'exit failed'";
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
  } else if (from->what.size() == 1 && what == "addresses") {
    out.kind = TriggerKind::kAddresses;
    if (!from->amount.ends_with('%')) why = "it is a share of the process' own limit";
    is_one = why.empty() && take_memory(*from, out, why);
  } else if (from->what.size() == 1 && what == "growth") {
    is_one = take_growth(*from, out, why);
  }
  return is_one ? std::optional(out) : std::nullopt;
}

}  // namespace heapglass
