#include "lib/report/overview_report.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

MemoryBill bill_of(std::vector<MemoryRow> rows) {
  MemoryBill bill;
  for (const MemoryRow& row : rows) bill.sum += row.bytes;
  bill.rows = std::move(rows);
  return bill;
}

TEST(Bar, HasLettersInProportion) {
  EXPECT_EQ(bar_of(bill_of({{MemoryKind::kObjects, "dict", 30, 1},
                            {MemoryKind::kObjects, "str", 20, 1},
                            {MemoryKind::kCode, "", 25, 0},
                            {MemoryKind::kFiles, "", 25, 0}}),
                   10),
            "[OOOOOCCCCC]");
}

TEST(Bar, IsFullWhateverIsRounded) {
  for (std::uint64_t n = 1; n < 50; ++n) {
    const std::string bar = bar_of(bill_of({{MemoryKind::kObjects, "", n, 1},
                                            {MemoryKind::kBuffers, "", 3, 0},
                                            {MemoryKind::kNative, "", 7, 0},
                                            {MemoryKind::kShared, "", 2 * n, 0},
                                            {MemoryKind::kUnknown, "", 1, 0}}),
                                   60);
    EXPECT_EQ(bar.size(), 62u) << n;
  }
  EXPECT_EQ(bar_of(bill_of({{MemoryKind::kObjects, "", std::uint64_t{1} << 62, 1}}), 60).size(), 62u);
}

TEST(Bar, OfNothingIsEmpty) { EXPECT_EQ(bar_of(MemoryBill(), 60), ""); }

}  // namespace
}  // namespace heapglass
