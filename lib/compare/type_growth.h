// What became more or less between two moments, by type.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/compare/histogram.h"

namespace heapglass {

struct TypeGrowth {
  std::string type;
  std::uint64_t count_before = 0, count_after = 0;
  std::uint64_t bytes_before = 0, bytes_after = 0;
  std::int64_t count_delta() const { return static_cast<std::int64_t>(count_after - count_before); }
  std::int64_t bytes_delta() const { return static_cast<std::int64_t>(bytes_after - bytes_before); }
};

// Both by name, as histogram() gives them; one row for each name of either, those that stayed the same
// included.
std::vector<TypeGrowth> type_growth(const std::vector<TypeCount>& before,
                                    const std::vector<TypeCount>& after);

}  // namespace heapglass
