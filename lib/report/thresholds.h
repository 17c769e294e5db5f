// --fail-if: what is exceeded, at one moment or between two, and the exit code that says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/compare/heap_summary.h"
#include "lib/expression/expression.h"

namespace heapglass {

struct ThresholdOptions {
  std::string text;         // of --fail-if; empty: there is none
  bool missing_ok = false;  // a type or owner that is not there counts as 0
};

class Thresholds {
 public:
  // Throws Error kUsage that points at the wrong place.
  explicit Thresholds(const ThresholdOptions& options);
  // Throws Error kUsage where growth is asked for, which one moment does not have.
  void require_one_capture() const;

  // Does an answer need to know who owns what?
  bool needs_owners() const;
  explicit operator bool() const { return expression_.has_value(); }
  // The reasons, none where nothing is exceeded; told on the standard error too, with what nobody knows.
  // Throws Error kUsage, with names that are near, where a type or owner is at neither moment: a name that is
  // mistyped must not be an alert that never comes.
  std::vector<std::string> exceeded(const HeapSummary& first, const HeapSummary& last) const;

 private:
  std::optional<Expression> expression_;
  bool missing_ok_ = false;
};

}  // namespace heapglass
