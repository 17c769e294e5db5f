// A strict check of JSON's grammar (RFC 8259), for tests.
#pragma once

#include <cctype>
#include <string_view>

#include "lib/render/utf8.h"

namespace heapglass {

class JsonCheck {
 public:
  static bool valid(std::string_view text) {
    JsonCheck check{text};
    check.blanks();
    return valid_utf8(text) == text && check.value(0) && (check.blanks(), check.text_.empty());
  }

 private:
  explicit JsonCheck(std::string_view text) : text_(text) {}

  bool take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  void blanks() {
    while (take(' ') || take('\n') || take('\t') || take('\r')) {
    }
  }
  bool digits() {
    std::size_t count = 0;
    for (; !text_.empty() && std::isdigit(static_cast<unsigned char>(text_[0])); ++count)
      text_.remove_prefix(1);
    return count > 0;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool string() {
    if (!take('"')) return false;
    while (!text_.empty() && text_[0] != '"') {
      if (static_cast<unsigned char>(text_[0]) < 0x20) return false;
      if (!take('\\')) {
        text_.remove_prefix(1);
      } else if (take('u')) {
        for (int i = 0; i < 4; ++i) {
          if (text_.empty() || !std::isxdigit(static_cast<unsigned char>(text_[0]))) return false;
          text_.remove_prefix(1);
        }
      } else {
        if (text_.empty() || std::string_view("\"\\/bfnrt").find(text_[0]) == std::string_view::npos)
          return false;
        text_.remove_prefix(1);
      }
    }
    return take('"');
  }
  bool members(char end, bool keys, int depth) {
    blanks();
    if (take(end)) return true;
    do {
      blanks();
      if (keys && !(string() && (blanks(), take(':')))) return false;
      blanks();
      if (!value(depth + 1)) return false;
      blanks();
    } while (take(','));
    return take(end);
  }
  bool value(int depth) {
    if (depth > 64) return false;
    if (take('{')) return members('}', true, depth);
    if (take('[')) return members(']', false, depth);
    if (take("true") || take("false") || take("null")) return true;
    return text_.starts_with('"') ? string() : number();
  }

  std::string_view text_;
};

}  // namespace heapglass
