// Why a command cannot go on. What could not be read of a target that can be read is not an Error: see
// read_errors.h.
#pragma once

#include <stdexcept>
#include <string>

namespace heapglass {

// The exit code of the program is the value (docs/manual.md#exit-codes: 2 command line, 3 target, 4 not a
// Python, 5 file).
enum class ErrorKind {
  kUsage = 2,
  kUnreachable = 3,
  kNotPython = 4,
  kFile = 5,
};

// One line for people: what was tried, what was found, what to do. `hint` may be empty; `detail` is for what
// needs lines of its own below, as a mark under the wrong place of a text.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind error_kind, const std::string& what, std::string error_hint = {},
        std::string error_detail = {})
      : std::runtime_error(what),
        kind_(error_kind),
        hint_(std::move(error_hint)),
        detail_(std::move(error_detail)) {}
  ErrorKind kind() const { return kind_; }
  const std::string& hint() const { return hint_; }
  const std::string& detail() const { return detail_; }

 private:
  ErrorKind kind_;
  std::string hint_, detail_;
};

}  // namespace heapglass
