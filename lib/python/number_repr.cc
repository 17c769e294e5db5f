#include "lib/python/number_repr.h"

#include <cmath>
#include <cstdio>
#include <vector>

#include "lib/python/text_repr.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kMostDigits = 2000;  // of 30 bits, of an int that is written out
constexpr std::size_t kMostDecimals = 4300;  // int.__repr__ refuses more: sys.get_int_max_str_digits()

std::string nine_digits(std::uint32_t n) {
  char text[16];
  std::snprintf(text, sizeof text, "%09u", n);
  return text;
}

}  // namespace

std::optional<std::string> integer_repr(const Objects& o, Address a) {
  const PyLayout& l = o.layout();
  const bool tagged = o.python().rules.int_tag;
  const auto tag = o.load<std::uint64_t>(a, tagged ? l.PyLongObject.lv_tag : l.PyVarObject.ob_size);
  if (!tag) return std::nullopt;
  const std::uint64_t n = tagged ? *tag >> 3 : o.item_count(a);
  const bool negative = tagged ? (*tag & 3) == 2 : o.ob_size(a) < 0;
  if (n > kMostDigits) return std::string();
  // Base 2^30 to base 10^9, the most significant digit first.
  std::vector<std::uint32_t> decimal;
  for (std::uint64_t i = n; i-- > 0;) {
    const auto digit = o.load<std::uint32_t>(a, l.PyLongObject.ob_digit + static_cast<std::int32_t>(4 * i));
    if (!digit) return std::nullopt;
    std::uint64_t carry = *digit;
    for (std::uint32_t& d : decimal) {
      carry += std::uint64_t{d} << 30;
      d = static_cast<std::uint32_t>(carry % 1'000'000'000);
      carry /= 1'000'000'000;
    }
    for (; carry; carry /= 1'000'000'000)
      decimal.push_back(static_cast<std::uint32_t>(carry % 1'000'000'000));
  }
  std::string out = decimal.empty() ? "0" : std::to_string(decimal.back());
  for (std::size_t i = decimal.size(); i-- > 1;) out += nine_digits(decimal[i - 1]);
  if (out.size() > kMostDecimals) return std::string();
  return negative ? "-" + out : out;
}

std::string complex_repr(double real, double imaginary) {
  const auto part = [](double v) {
    std::string text = float_repr(v);
    return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
  };
  if (real == 0 && !std::signbit(real)) return part(imaginary) + "j";
  const bool has_sign = std::signbit(imaginary) && !std::isnan(imaginary);
  return "(" + part(real) + (has_sign ? "" : "+") + part(imaginary) + "j)";
}

}  // namespace heapglass
