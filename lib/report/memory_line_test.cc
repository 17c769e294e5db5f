#include "lib/report/memory_line.h"

#include <gtest/gtest.h>

#include "lib/memory/memory_verdict.h"

namespace heapglass {
namespace {

MemoryBill bill_of(std::vector<MemoryRow> rows) {
  MemoryBill bill{.residency_known = true};
  for (const MemoryRow& row : rows) bill.sum += row.bytes;
  bill.rss = bill.sum;
  bill.rows = std::move(rows);
  return bill;
}

std::string elsewhere_of(const MemoryBill& bill) { return MemoryLine(bill, {}, "", "4711").elsewhere(); }

TEST(MemoryLine, NamesTheLibraryWhosePoolIsMost) {
  const std::string pool = std::string("libarrow.so.2600") + kOwnPool;
  EXPECT_EQ(elsewhere_of(bill_of({{MemoryKind::kObjects, "dict", 10'000'000, 1},
                                  {MemoryKind::kNative, pool, 80'000'000, 0},
                                  {MemoryKind::kNative, "malloc, blocks of C code", 1'000'000, 0}})),
            "most of the memory is no Python object but native (C code's), 81.0 MB, 80.0 MB of it mapped by "
            "libarrow.so.2600 for a pool of its own: heapglass memory 4711");
  EXPECT_EQ(elsewhere_of(bill_of({{MemoryKind::kObjects, "dict", 10'000'000, 1},
                                  {MemoryKind::kNative, pool, 20'000'000, 0},
                                  {MemoryKind::kNative, "malloc, blocks of C code", 60'000'000, 0}})),
            "most of the memory is no Python object but native (C code's), 80.0 MB: heapglass memory 4711");
}

TEST(MemoryLine, GivesNoRssOfACore) {
  MemoryBill bill = bill_of({{MemoryKind::kObjects, "dict", 10'000'000, 1}});
  bill.residency_known = false;
  Document document;
  MemoryLine(bill, {}, "", "core").add_to(document);
  EXPECT_EQ(std::get<std::string>(document.fields.at(0).value),
            "captured, its RSS is not known, 10.0 MB: 10.0 MB Python objects");
}

}  // namespace
}  // namespace heapglass
