#include "lib/compare/type_growth.h"

namespace heapglass {

std::vector<TypeGrowth> type_growth(const std::vector<TypeCount>& before,
                                    const std::vector<TypeCount>& after) {
  std::vector<TypeGrowth> rows;
  auto b = before.begin();
  auto a = after.begin();
  while (b != before.end() || a != after.end()) {
    TypeGrowth row;
    const bool in_before = b != before.end() && (a == after.end() || b->type <= a->type);
    const bool in_after = a != after.end() && (b == before.end() || a->type <= b->type);
    row.type = in_before ? b->type : a->type;
    if (in_before) {
      row.count_before = b->count;
      row.bytes_before = b->bytes + b->unreported_bytes;
      ++b;
    }
    if (in_after) {
      row.count_after = a->count;
      row.bytes_after = a->bytes + a->unreported_bytes;
      ++a;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace heapglass
