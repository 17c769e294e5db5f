// A screen as text: lines of spans, each with a style. What is in them is printable and no wider than the
// screen; lib/screen/terminal.h puts it on a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heapglass {

enum class Style : std::uint8_t {
  kPlain,
  kTitle,     // the first line
  kHeading,   // of a table
  kSelected,  // the row that Enter opens
  kDim,
  kNotice,   // what the user should see: a process that ended, a capture that failed
  kGrowing,  // a number that became larger
  kPart0,    // of a bar; the others follow
  kPart1,
  kPart2,
  kPart3,
  kPart4,
  kPart5,
  kPart6,
};
constexpr int kStyles = static_cast<int>(Style::kPart6) + 1;
constexpr int kBarParts = 7;

struct StyledText {
  std::string text;
  Style style = Style::kPlain;
};
using ScreenLine = std::vector<StyledText>;

struct ScreenSize {
  std::size_t columns = 80, lines = 24;
};

struct ScreenText {
  bool utf8 = true;  // else ASCII only
};

// A text of the target in at most `columns`: what could steer a terminal is spelled out, and without UTF-8
// also what is beyond ASCII. Cut at its end.
std::string shown(std::string_view text, std::size_t columns, ScreenText how);
// The same, cut in the middle, for names whose end tells more: module.qualname.
std::string shown_name(std::string_view text, std::size_t columns, ScreenText how);
// Exactly `columns` wide: filled with spaces, or cut.
std::string padded(std::string_view text, std::size_t columns, ScreenText how);
std::string right_aligned(std::string_view text, std::size_t columns, ScreenText how);

// The last `columns` values, one column each, between the smallest and the largest of them. Equal values are
// a line at half height.
std::string sparkline(std::span<const double> values, std::size_t columns, ScreenText how);

// Parts that add up, `columns` wide in all; part i has the style kPart0 + i and, without colour, a letter of
// its own. A part of anything has at least one column, as long as there are enough.
ScreenLine stacked_bar(std::span<const std::uint64_t> parts, std::size_t columns);
// The letter of a part in the bar.
char bar_letter(std::size_t part);

std::size_t width_of(const ScreenLine& line);
std::string text_of(const ScreenLine& line);

}  // namespace heapglass
