#include "lib/render/utf8.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <vector>

namespace heapglass {
namespace {

struct Range {
  char32_t first, last;
};

// Unicode 15, blocks rather than single characters: enough to align columns.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},
    {0x26F2, 0x26F3},   {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},   {0x274C, 0x274C},
    {0x2753, 0x2755},   {0x2795, 0x2797},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x16FE0, 0x18CFF}, {0x1AFF0, 0x1B2FF}, {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F19A},
    {0x1F200, 0x1F320}, {0x1F32D, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7EB}, {0x1F90C, 0x1F9FF},
    {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD}};
constexpr Range kNone[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},
                           {0x064B, 0x065F}, {0x06D6, 0x06DC}, {0x0900, 0x0902}, {0x093C, 0x093C},
                           {0x0941, 0x0948}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E},
                           {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200D}, {0x20D0, 0x20FF},
                           {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};

// Unicode 15: Cc, Cf but for the marks of numbers and verses that are seen, Zl, Zp, and what
// Default_Ignorable_Code_Point has besides; noncharacters. A joiner of letters or emoji is among them: it is
// not seen, and what it joins is.
constexpr Range kHidden[] = {{0x0000, 0x001F},  {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x034F, 0x034F},
                             {0x061C, 0x061C},  {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},
                             {0x200B, 0x200F},  {0x2028, 0x202E},   {0x2060, 0x206F},   {0x3164, 0x3164},
                             {0xFDD0, 0xFDEF},  {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
                             {0xFFF0, 0xFFFB},  {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
                             {0xE0000, 0xE0FFF}};

template <std::size_t N>
bool in(const Range (&ranges)[N], char32_t point) {
  const auto* after = std::upper_bound(std::begin(ranges), std::end(ranges), point,
                                       [](char32_t p, const Range& range) { return p < range.first; });
  return after != std::begin(ranges) && point <= std::prev(after)->last;
}

std::size_t width_of(char32_t point) {
  if (point < 0x300) return 1;
  if (in(kNone, point)) return 0;
  return in(kWide, point) ? 2 : 1;
}

// The first or last characters of `text` that fit.
std::string_view fitting(std::string_view text, std::size_t width, bool from_end) {
  struct Place {
    std::size_t at, columns;
  };
  std::vector<Place> places;  // of each character, with the columns before it
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    places.push_back({at, columns});
    if (!from_end && columns > width) break;
    const CodePoint point = decode_utf8(text.substr(at));
    columns += width_of(point.value);
    at += point.bytes;
  }
  places.push_back({text.size(), columns});
  if (!from_end) {
    std::size_t end = 0;
    for (const Place& place : places) {
      if (place.columns <= width && place.at <= text.size()) end = place.at;
    }
    return text.substr(0, end);
  }
  for (const Place& place : places) {
    if (columns - place.columns <= width) return text.substr(place.at);
  }
  return {};
}

}  // namespace

CodePoint decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first >= 0xC2 && first < 0xE0 && follows(1)) {
    return {static_cast<char32_t>((first & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  }
  if (first >= 0xE0 && first < 0xF0 && follows(1) && (first != 0xE0 || byte(1) >= 0xA0)) {
    if (!follows(2)) return {kReplacement, 2, false};
    const auto point = static_cast<char32_t>((first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F));
    return {point, 3, true, point >= 0xD800 && point <= 0xDFFF};
  }
  if (first >= 0xF0 && first < 0xF5 && follows(1) && (first != 0xF0 || byte(1) >= 0x90) &&
      (first != 0xF4 || byte(1) < 0x90)) {
    if (!follows(2)) return {kReplacement, 2, false};
    if (!follows(3)) return {kReplacement, 3, false};
    return {static_cast<char32_t>((first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 |
                                  (byte(3) & 0x3F)),
            4};
  }
  return {kReplacement, 1, false};
}

void append_utf8(std::string& to, char32_t point) {
  const auto put = [&to](char32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

bool is_hidden(char32_t point) {
  if (point >= ' ' && point <= '~') return false;  // nearly all
  constexpr char32_t kPlane = 0x10000, kLastOfPlane = 0xFFFE;
  return in(kHidden, point) || point % kPlane >= kLastOfPlane;
}

std::string spelled_out(char32_t point) {
  switch (point) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    case 0:
      return "\\0";
    default: {
      const char* const format = point < 0x100 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x";
      char text[16];
      std::snprintf(text, sizeof text, format, static_cast<unsigned>(point));
      return text;
    }
  }
}

namespace {

template <class IsSpelledOut>
std::string valid(std::string_view text, IsSpelledOut is_spelled_out) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (!point.valid)
      out += kReplacementUtf8;
    else if (point.surrogate || is_spelled_out(point.value))
      out += spelled_out(point.value);
    else
      out += text.substr(0, point.bytes);
    text.remove_prefix(point.bytes);
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return valid(text, is_hidden); }
std::string valid_utf8(std::string_view text) {
  return valid(text, [](char32_t) { return false; });
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    columns += width_of(point.value);
    text.remove_prefix(point.bytes);
  }
  return columns;
}

std::string cut_middle(std::string_view text, std::size_t width, std::string_view ellipsis) {
  if (display_width(text) <= width) return std::string(text);
  const std::size_t mark = display_width(ellipsis);
  if (width <= mark) return std::string(fitting(ellipsis, width, false));
  const std::size_t room = width - mark;
  // The end of a dotted name tells more than its beginning.
  const std::string_view tail = fitting(text, room - room / 3, true);
  const std::string_view head = fitting(text, room - display_width(tail), false);
  return std::string(head) + std::string(ellipsis) + std::string(tail);
}

std::string cut_end(std::string_view text, std::size_t width, std::string_view ellipsis) {
  if (text.size() <= width || display_width(text) <= width) return std::string(text);
  const std::size_t mark = display_width(ellipsis);
  if (width <= mark) return std::string(fitting(ellipsis, width, false));
  return std::string(fitting(text, width - mark, false)) + std::string(ellipsis);
}

}  // namespace heapglass
