#include "lib/screen/screen.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr std::string_view kLetters = "#=%+~o.";
static_assert(kLetters.size() == kBarParts);

std::string in_ascii(std::string text) {
  if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; })) return text;
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = decode_utf8(rest);
    if (point.value < 0x80)
      out += static_cast<char>(point.value);
    else
      out += spelled_out(point.value);
    rest.remove_prefix(point.bytes);
  }
  return out;
}

// A name may be megabytes, and is drawn anew with each sample.
std::string clean(std::string_view text, std::size_t columns, ScreenText how) {
  constexpr std::size_t kMostBytes = 16;  // of one column
  const std::size_t most = (columns + 1) * kMostBytes;
  if (text.size() <= 2 * most) return how.utf8 ? printable(text) : in_ascii(printable(text));
  const std::string ends = printable(text.substr(0, most)) + printable(text.substr(text.size() - most));
  return how.utf8 ? ends : in_ascii(ends);
}

std::string_view ellipsis(ScreenText how) { return how.utf8 ? "\u2026" : "..."; }

std::string cut(std::string text, std::size_t columns, ScreenText how, bool middle) {
  if (display_width(text) <= columns) return text;
  const std::string_view dots = columns >= 4 ? ellipsis(how) : std::string_view();
  return middle && columns >= 8 ? cut_middle(text, columns, dots) : cut_end(text, columns, dots);
}

}  // namespace

std::string shown(std::string_view text, std::size_t columns, ScreenText how) {
  return cut(clean(text, columns, how), columns, how, false);
}

std::string shown_name(std::string_view text, std::size_t columns, ScreenText how) {
  return cut(clean(text, columns, how), columns, how, true);
}

std::string padded(std::string_view text, std::size_t columns, ScreenText how) {
  std::string line = shown(text, columns, how);
  line.append(columns - std::min(columns, display_width(line)), ' ');
  return line;
}

std::string right_aligned(std::string_view text, std::size_t columns, ScreenText how) {
  const std::string line = shown(text, columns, how);
  return std::string(columns - std::min(columns, display_width(line)), ' ') + line;
}

std::string sparkline(std::span<const double> values, std::size_t columns, ScreenText how) {
  constexpr std::array<std::string_view, 8> kBlocks{"\u2581", "\u2582", "\u2583", "\u2584",
                                                    "\u2585", "\u2586", "\u2587", "\u2588"};
  constexpr std::array<std::string_view, 8> kAscii{"_", ".", ",", "-", "=", "+", "*", "#"};
  const auto& blocks = how.utf8 ? kBlocks : kAscii;
  if (values.size() > columns) values = values.last(columns);
  if (values.empty()) return {};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double span = *most - *least;
  std::string line;
  for (const double each : values) {
    const double height = span > 0 ? (each - *least) / span : 0.5;
    line += blocks[static_cast<std::size_t>(std::lround(height * static_cast<double>(blocks.size() - 1)))];
  }
  return line;
}

char bar_letter(std::size_t part) { return kLetters[part % kLetters.size()]; }

ScreenLine stacked_bar(std::span<const std::uint64_t> parts, std::size_t columns) {
  const double sum = std::accumulate(parts.begin(), parts.end(), 0.0, [](double all, std::uint64_t each) {
    return all + static_cast<double>(each);
  });
  ScreenLine bar;
  if (sum <= 0 || columns == 0) return bar;
  const auto there =
      static_cast<std::size_t>(std::count_if(parts.begin(), parts.end(), [](auto n) { return n > 0; }));
  // Where each is at least a column the others share what is left.
  const std::size_t least = there <= columns ? 1 : 0;
  const auto shared = static_cast<double>(columns - least * there);
  double seen = 0;
  std::size_t drawn = 0, of_least = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == 0) continue;
    seen += static_cast<double>(parts[i]);
    of_least += least;
    const std::size_t end =
        std::min(columns, of_least + static_cast<std::size_t>(std::lround(seen / sum * shared)));
    if (end <= drawn) continue;
    const auto style = static_cast<Style>(static_cast<std::size_t>(Style::kPart0) + i % kBarParts);
    bar.push_back({std::string(end - drawn, bar_letter(i)), style});
    drawn = end;
  }
  return bar;
}

std::size_t width_of(const ScreenLine& line) {
  return std::accumulate(
      line.begin(), line.end(), std::size_t{0},
      [](std::size_t all, const StyledText& each) { return all + display_width(each.text); });
}

std::string text_of(const ScreenLine& line) {
  std::string text;
  for (const StyledText& each : line) text += each.text;
  return text;
}

}  // namespace heapglass
