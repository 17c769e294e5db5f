// What histogram answers: objects and bytes by type, as a table.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/compare/histogram.h"
#include "lib/render/report.h"

namespace heapglass {

enum class HistogramSort { kBytes, kCount, kExternal, kMean, kType };

// `most` of the rows, 0: all of them; the totals and shares are those of `all`.
Document histogram_document(const std::vector<TypeCount>& all, std::vector<TypeCount> rows,
                            HistogramSort sort, std::size_t most);

}  // namespace heapglass
