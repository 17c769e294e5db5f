#include "lib/report/family_report.h"

#include <gtest/gtest.h>

#include <numeric>

namespace heapglass {
namespace {

PrivateBytes some_bytes() {
  PrivateBytes bytes;
  bytes.by_cause = {1000, 2000, 3000, 4000, 5000, 6000};
  bytes.by_type[{PrivateCause::kContent, "app.Row\nx"}] = 2000;
  bytes.by_owner[{PrivateCause::kCollectorHeads, "app.cache"}] = 4000;
  bytes.freeze_keeps = 4000;
  bytes.freeze_keeps_at_most = 9000;
  bytes.immortal_keeps = 7;
  return bytes;
}

std::uint64_t sum_of(const std::array<std::uint64_t, kPrivateCauses>& causes) {
  return std::accumulate(causes.begin(), causes.end(), std::uint64_t{0});
}

TEST(PrivateSummary, IsTheSameOnTheOtherSide) {
  const auto read = decode_private(encode(some_bytes(), true));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->by_cause, some_bytes().by_cause);
  ASSERT_EQ(read->by_type.size(), 1u);
  EXPECT_EQ(read->by_type[0].cause, PrivateCause::kContent);
  EXPECT_EQ(read->by_type[0].name, "app.Row\\nx");
  EXPECT_EQ(read->by_type[0].bytes, 2000u);
  ASSERT_EQ(read->by_owner.size(), 1u);
  EXPECT_EQ(read->by_owner[0].name, "app.cache");
  EXPECT_EQ(read->freeze_keeps, 4000u);
  EXPECT_EQ(read->freeze_keeps_at_most, 9000u);
  EXPECT_EQ(read->immortal_keeps, 7u);
  EXPECT_TRUE(read->has_immortal_objects);
  EXPECT_FALSE(decode_private(encode(some_bytes(), false))->has_immortal_objects);
}

TEST(PrivateSummary, OfWhatIsNone) {
  for (const char* damaged :
       {"", "C", "C1", "C1 9\n", "C1 \n", "T5 \n", "C99999999999999999999999 0\n", "\xff\n"})
    EXPECT_FALSE(decode_private(damaged)) << damaged;
}

TEST(FamilyCauses, AddUpToWhatTheKernelCounts) {
  FamilyMember member;
  member.master = 1;
  member.its_pages = decode_private(encode(some_bytes(), true));
  const auto of = [&](std::uint64_t own) {
    member.sharing.own_anonymous = own;
    const auto causes = causes_of(member);
    EXPECT_EQ(sum_of(causes), own);
    return causes;
  };
  EXPECT_EQ(of(21000), some_bytes().by_cause);
  EXPECT_EQ(of(21500)[5], 6500u);  // not looked at: not compared
  EXPECT_EQ(of(20200)[0], 200u);   // grown since: new memory
  EXPECT_EQ(of(19000)[1], 1000u);  // and what comes next
  (void)of(0);
  member.its_pages.reset();
  EXPECT_EQ(of(700)[5], 700u);
}

TEST(FamilyBill, AddsUpToTheSumOfPss) {
  std::vector<FamilyMember> members(3);
  for (std::int32_t i = 0; i < 3; ++i)
    members[static_cast<std::size_t>(i)].sharing = {.pid = i + 1,
                                                    .pss = 30'000,
                                                    .of_all = 3000,
                                                    .of_some = 2000,
                                                    .with_others = 1000,
                                                    .own_files = 3000,
                                                    .own_anonymous = 21'000};
  for (const std::size_t i : {1u, 2u}) {
    members[i].master = 1;
    members[i].its_pages = decode_private(encode(some_bytes(), false));
  }
  Document document;
  add_family_bill(members, false, document);
  const Table* bill = nullptr;
  for (const Section& section : document.sections)
    if (const auto* table = std::get_if<Table>(&section); table && table->key == "bill") bill = table;
  ASSERT_TRUE(bill);
  std::uint64_t sum = 0;
  for (const Row& row : bill->rows) sum += std::get<std::uint64_t>(row[2]);
  EXPECT_EQ(sum, 90'000u);
  EXPECT_EQ(bill->notes.size(), 1u);  // that pages are known by their addresses alone
  const auto number = [&](const std::string& key) {
    for (const Field& field : document.fields)
      if (field.column.key == key) return std::get<std::uint64_t>(field.value);
    return std::uint64_t{0};
  };
  EXPECT_EQ(number("freeze_keeps"), 8000u);
  EXPECT_EQ(number("freeze_keeps_at_most"), 18'000u);
  EXPECT_EQ(number("immortal_keeps"), 14u);
  EXPECT_EQ(number("private_inherited"), 2u * (2000 + 3000 + 4000 + 5000));
}

}  // namespace
}  // namespace heapglass
