// Text of the target is bytes that claim to be UTF-8. Python's own lone surrogates come as three bytes each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace heapglass {

constexpr char32_t kReplacement = 0xFFFD;
constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
  bool valid = true;       // else value is kReplacement
  bool surrogate = false;  // lone: a half that no UTF-8 may hold, but a Python str may
};
// The code point at the beginning of a text that is not empty.
CodePoint decode_utf8(std::string_view text);
void append_utf8(std::string& to, char32_t point);

// What is not shown as a character of its own, and so could steer a terminal, turn the reading direction, or
// make two names look the same: controls, marks of direction and of width 0, line and paragraph separators,
// variation selectors, tags, and what no text may hold. The one list of what is spelled out, for all formats.
bool is_hidden(char32_t point);
// As Python spells it: \n \t \r \0 \x1b \u202e \U000e0041.
std::string spelled_out(char32_t point);

// For people: hidden characters and lone surrogates are spelled out, invalid bytes become U+FFFD.
std::string printable(std::string_view text);
// For programs that want the text as it is: lone surrogates are spelled out and invalid bytes become U+FFFD,
// and all else stays.
std::string valid_utf8(std::string_view text);

// Columns on a terminal: 0 for combining marks, 2 for East Asian wide characters and emoji.
std::size_t display_width(std::string_view text);
// At most `width` columns. What goes is replaced by `ellipsis`.
std::string cut_middle(std::string_view text, std::size_t width, std::string_view ellipsis);
std::string cut_end(std::string_view text, std::size_t width, std::string_view ellipsis);

}  // namespace heapglass
