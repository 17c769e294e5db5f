#include "lib/python/text_repr.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace heapglass {
namespace {

// What str.isprintable() says of a code point beyond ASCII, but for those that Unicode has not assigned.
bool is_printable(std::uint32_t c) {
  struct Range {
    std::uint32_t first, last;
  };
  // Categories Cc, Cf, Cs, Co, Zl, Zp, Zs of Unicode 15.
  static constexpr Range kNot[] = {
      {0x7f, 0xa0},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},     {0x6dd, 0x6dd},
      {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},     {0x1680, 0x1680},   {0x180e, 0x180e},
      {0x2000, 0x200f},   {0x2028, 0x202f},   {0x205f, 0x2064},   {0x2066, 0x206f},   {0x3000, 0x3000},
      {0xd800, 0xf8ff},   {0xfeff, 0xfeff},   {0xfff9, 0xfffb},   {0xfffe, 0xffff},   {0x110bd, 0x110bd},
      {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0001, 0xe007f},
      {0xf0000, 0x10ffff}};
  return std::none_of(std::begin(kNot), std::end(kNot),
                      [c](const Range& r) { return c >= r.first && c <= r.last; });
}

std::string escape(const char* format, std::uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof text, format, code);
  return text;
}

}  // namespace

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[64];
  // The shortest digits; Python turns to an exponent below 1e-4 and from 1e16 on.
  const auto written = [&](std::chars_format format) {
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, number, format).ptr);
  };
  std::string scientific = written(std::chars_format::scientific);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (number != 0 && (exponent < -4 || exponent >= 16)) return scientific;
  const std::string fixed = written(std::chars_format::fixed);
  return fixed.find('.') == fixed.npos ? fixed + ".0" : fixed;
}

namespace {

void append_ascii(std::string& out, char c, char quote) {
  if (c == '\\' || c == quote)
    (out += '\\') += c;
  else if (c == '\t' || c == '\n' || c == '\r')
    out += c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\r";
  else if (c < 0x20 || c == 0x7f)
    out += escape("\\x%02x", static_cast<unsigned char>(c));
  else
    out += c;
}

// The escape of a code point above ASCII that repr() does not print.
std::string escaped(std::uint32_t point) {
  if (point < 0x100) return escape("\\x%02x", point);
  return point < 0x10000 ? escape("\\u%04x", point) : escape("\\U%08x", point);
}

// Its first `limit` code points.
std::string cut(const std::string& text, std::size_t limit) {
  std::size_t left = limit, at = 0;
  for (; at < text.size(); ++at)
    if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80 && left-- == 0) break;
  return text.substr(0, at);
}

}  // namespace

std::string str_repr(std::string_view text, std::size_t limit) {
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t i = 0; i < text.size();) {
    if (code_points(out) >= limit) break;
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      append_ascii(out, text[i], quote);
      ++i;
      continue;
    }
    // Our own encoder made this text: lead and following bytes are well formed, surrogates included.
    const std::size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    std::uint32_t point = c & (0xff >> (n + 1));
    for (std::size_t k = 1; k < n && i + k < text.size(); ++k)
      point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    if (is_printable(point))
      out += text.substr(i, n);
    else
      out += escaped(point);
    i += n;
  }
  out += quote;
  return cut(out, limit);
}

}  // namespace heapglass
