// An expression's text in words, and the message that points at one of them. For the parser only.
#pragma once

#include <string>
#include <string_view>

#include "lib/expression/expression.h"

namespace heapglass {

struct ExpressionToken {
  enum class Kind { kEnd, kNumber, kText, kWord, kSign } kind = Kind::kEnd;
  std::size_t at = 0, end = 0;  // bytes of the expression
  std::string text;             // of a word or sign
  ExpressionValue value;        // of a number or text
};

class ExpressionWords {
 public:
  // Both borrowed. The first word comes with next().
  ExpressionWords(std::string_view text, std::string_view option) : text_(text), option_(option) {}

  std::string_view text() const { return text_; }
  const ExpressionToken& token() const { return token_; }
  std::size_t previous_end() const { return previous_end_; }  // of the word before

  void next();
  bool is_word(std::string_view word) const {
    return token_.kind == ExpressionToken::Kind::kWord && token_.text == word;
  }
  bool is_sign(std::string_view sign) const {
    return token_.kind == ExpressionToken::Kind::kSign && token_.text == sign;
  }
  bool take_sign(std::string_view sign);
  // What the word is for a message: "'=='" or "the end".
  std::string shown() const;
  // Throws the Error that points at a place.
  [[noreturn]] void fail(std::size_t at, const std::string& what, const std::string& hint = {}) const;

 private:
  void number();
  void skip_to_unit();
  std::int64_t unit(std::string_view word, std::size_t at) const;
  std::string string();

  const std::string_view text_, option_;
  std::size_t position_ = 0, previous_end_ = 0;
  ExpressionToken token_;
};

}  // namespace heapglass
