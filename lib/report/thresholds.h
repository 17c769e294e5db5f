// --fail-if: what is exceeded between two moments, and the exit code that says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/compare/heap_summary.h"
#include "lib/expression/expression.h"

namespace heapglass {

class Thresholds {
 public:
  // Empty: there are none. Throws Error kUsage that points at the wrong place.
  explicit Thresholds(const std::string& text);

  // Does an answer need to know who owns what?
  bool needs_owners() const;
  // The reasons, none where nothing is exceeded; told on the standard error too, with what nobody knows.
  std::vector<std::string> exceeded(const HeapSummary& first, const HeapSummary& last) const;

 private:
  std::optional<Expression> expression_;
};

}  // namespace heapglass
