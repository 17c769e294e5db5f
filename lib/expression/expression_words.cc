#include "lib/expression/expression_words.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace heapglass {
namespace {

bool word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool ExpressionWords::take_sign(std::string_view sign) {
  if (!is_sign(sign)) return false;
  next();
  return true;
}

std::string ExpressionWords::shown() const {
  if (token_.kind == ExpressionToken::Kind::kEnd) return "the end";
  return "'" + std::string(text_.substr(token_.at, token_.end - token_.at)) + "'";
}

void ExpressionWords::fail(std::size_t at, const std::string& what, const std::string& hint) const {
  // The line of the place, and as many columns in front of the caret as code points in front of the place.
  at = std::min(at, text_.size());
  std::size_t begin = text_.rfind('\n', at ? at - 1 : 0);
  begin = begin == std::string_view::npos || begin >= at ? 0 : begin + 1;
  const std::size_t end = std::min(text_.find('\n', at), text_.size());
  std::size_t column = 1, line = 1;
  for (std::size_t i = 0; i < at; ++i) {
    if (text_[i] == '\n') ++line;
    if (i >= begin && (static_cast<unsigned char>(text_[i]) & 0xc0) != 0x80) ++column;
  }
  constexpr std::size_t kWindow = 70;  // of a long line only the neighbourhood
  std::size_t from = begin, caret = column - 1;
  if (at - begin > kWindow) {
    from = at - kWindow;
    while (from < at && (static_cast<unsigned char>(text_[from]) & 0xc0) == 0x80) ++from;
    caret = 0;
    for (std::size_t i = from; i < at; ++i) caret += (static_cast<unsigned char>(text_[i]) & 0xc0) != 0x80;
  }
  std::string shown_line(text_.substr(from, std::min(end - from, 2 * kWindow)));
  for (char& c : shown_line)
    if (c == '\t' || c == '\r') c = ' ';
  throw Error(ErrorKind::kUsage,
              std::string(option_) + ": " + what + " (" +
                  (line > 1 ? "line " + std::to_string(line) + ", " : "") + "column " +
                  std::to_string(column) + ")",
              hint.empty() ? "heapglass help expressions tells the language" : hint,
              shown_line + "\n" + std::string(caret, ' ') + "^");
}

void ExpressionWords::next() {
  previous_end_ = token_.end;
  while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t' ||
                                      text_[position_] == '\n' || text_[position_] == '\r'))
    ++position_;
  token_ = ExpressionToken{.at = position_, .end = position_};
  if (position_ == text_.size()) return;
  const char c = text_[position_];
  const char after = position_ + 1 < text_.size() ? text_[position_ + 1] : '\0';
  if (digit(c) || (c == '-' && digit(after))) {
    number();
  } else if (c == '\'' || c == '"') {
    token_.value = string();
  } else if ((c == 'b' || c == 'B') && (after == '\'' || after == '"')) {
    ++position_;
    token_.value = ExpressionBytes{string()};
  } else if (word_start(c)) {
    const std::size_t start = position_;
    while (position_ < text_.size() && (word_start(text_[position_]) || digit(text_[position_]))) ++position_;
    token_.kind = ExpressionToken::Kind::kWord;
    token_.text = text_.substr(start, position_ - start);
  } else {
    token_.kind = ExpressionToken::Kind::kSign;
    for (const std::string_view sign : {"==", "!=", "<=", ">=", "!~", "&&", "||", "=~"})
      if (text_.substr(position_).starts_with(sign)) token_.text = sign;
    if (token_.text.empty()) token_.text = c;
    position_ += token_.text.size();
  }
  token_.end = position_;
}

// "1.5 kB", as our own tables write it.
void ExpressionWords::skip_to_unit() {
  const std::size_t at = std::min(text_.find_first_not_of(' ', position_), text_.size());
  std::size_t end = at;
  while (end < text_.size() && (word_start(text_[end]) || digit(text_[end]))) ++end;
  const std::string_view word = text_.substr(at, end - at);
  for (const std::string_view known : {"B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"})
    if (word == known) position_ = at;
}

void ExpressionWords::number() {
  const std::size_t start = position_;
  token_.kind = ExpressionToken::Kind::kNumber;
  const char* const end = text_.data() + text_.size();
  const bool negative = text_[position_] == '-';
  if (negative) ++position_;
  const char* from = text_.data() + position_;
  if (text_.substr(position_).starts_with("0x") || text_.substr(position_).starts_with("0X")) {
    std::uint64_t n = 0;
    const auto [rest, error] = std::from_chars(from + 2, end, n, 16);
    position_ = static_cast<std::size_t>(rest - text_.data());
    if (error != std::errc() || n > 1ull << 62) fail(start, "this is not a hexadecimal number");
    token_.value = negative ? -static_cast<std::int64_t>(n) : static_cast<std::int64_t>(n);
  } else {
    double real = 0;
    const auto [rest, error] = std::from_chars(from, end, real);
    if (error != std::errc()) fail(start, "this is not a number that can be compared");
    std::int64_t whole = 0;
    const auto [whole_rest, whole_error] = std::from_chars(from, rest, whole);
    const bool is_whole = whole_error == std::errc() && whole_rest == rest;
    position_ = static_cast<std::size_t>(rest - text_.data());
    skip_to_unit();
    const std::size_t unit_at = position_;
    while (position_ < text_.size() && word_start(text_[position_])) ++position_;
    const std::int64_t factor = unit(text_.substr(unit_at, position_ - unit_at), unit_at);
    std::int64_t product = 0;
    if (is_whole && !__builtin_mul_overflow(whole, factor, &product)) {
      token_.value = negative ? -product : product;
    } else {
      real *= static_cast<double>(factor);
      if (factor > 1 && std::fabs(real) < 9e18)
        token_.value = static_cast<std::int64_t>(negative ? -real : real);
      else
        token_.value = negative ? -real : real;
    }
  }
  if (position_ < text_.size() && (word_start(text_[position_]) || digit(text_[position_])))
    fail(position_, "this is neither part of a number nor a unit");
}

// Powers of 1000, with an i of 1024.
std::int64_t ExpressionWords::unit(std::string_view word, std::size_t at) const {
  std::string letters;
  for (const char c : word) letters += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (letters.empty() || letters == "b" || letters == "bytes") return 1;
  constexpr std::string_view kPrefixes = "kmgt";
  const std::size_t power = kPrefixes.find(letters[0]);
  const std::string_view rest = std::string_view(letters).substr(1);
  if (power == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib" && rest != "i"))
    fail(at, "'" + std::string(word) + "' is no unit", "write 10kB, 10MB, 10GB, or KiB, MiB, GiB");
  std::int64_t factor = 1;
  for (std::size_t i = 0; i <= power; ++i) factor *= rest.starts_with('i') ? 1024 : 1000;
  return factor;
}

// The text between quotes; a backslash takes what follows as it is, but for \n, \t, \r, \\xHH.
std::string ExpressionWords::string() {
  const std::size_t start = token_.at;
  const char quote = text_[position_++];
  token_.kind = ExpressionToken::Kind::kText;
  std::string out;
  for (;; ++position_) {
    if (position_ >= text_.size()) fail(start, "this text has no closing quote");
    const char c = text_[position_];
    if (c == quote) break;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (++position_ >= text_.size()) fail(start, "this text has no closing quote");
    const char e = text_[position_];
    if (e == 'x') {
      unsigned code = 0;
      const char* from = text_.data() + position_ + 1;
      const char* to = std::min(from + 2, text_.data() + text_.size());
      if (const auto [rest, error] = std::from_chars(from, to, code, 16);
          error != std::errc() || rest != from + 2)
        fail(position_, "\\x is followed by two hexadecimal digits");
      out += static_cast<char>(code);
      position_ += 2;
    } else {
      out += e == 'n' ? '\n' : e == 't' ? '\t' : e == 'r' ? '\r' : e == '0' ? '\0' : e;
    }
  }
  ++position_;
  return out;
}

}  // namespace heapglass
