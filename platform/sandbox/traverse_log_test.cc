#include "platform/sandbox/traverse_log.h"

#include <gtest/gtest.h>

#include <random>

#include "platform/sandbox/traverse_sandbox_stub.h"

namespace heapglass {
namespace {

using Verdict = TraverseLog::Verdict;

struct Told {
  std::uint64_t index;
  int signal;
  std::vector<Address> referents;
};

struct Reader {
  TraverseLog records{3};
  std::vector<Told> told;
  Verdict take(std::uint64_t word, std::uint64_t available = 2) {
    return records.take(word, available,
                        [&](std::uint64_t index, int signal, std::span<const Address> referents) {
                          told.push_back({index, signal, {referents.begin(), referents.end()}});
                        });
  }
};

TEST(TraverseLog, TellsEachObjectWithItsReferents) {
  Reader r;
  for (const std::uint64_t w : {stub::kBegin | 0, std::uint64_t{0x1000}, std::uint64_t{0x2000},
                                stub::kEnd | 0, stub::kBegin | 1, stub::kEnd | 11}) {
    EXPECT_EQ(r.take(w), Verdict::kFine);
  }
  ASSERT_EQ(r.told.size(), 2u);
  EXPECT_EQ(r.told[0].referents, (std::vector<Address>{Address{0x1000}, Address{0x2000}}));
  EXPECT_EQ(r.told[1].index, 1u);
  EXPECT_EQ(r.told[1].signal, 11);
  EXPECT_TRUE(r.told[1].referents.empty());
}

TEST(TraverseLog, RefusesWhatNoHonestWriterWrites) {
  EXPECT_EQ(Reader().take(0x1000), Verdict::kBroken);               // a referent of nothing
  EXPECT_EQ(Reader().take(stub::kEnd), Verdict::kBroken);           // an end of nothing
  EXPECT_EQ(Reader().take(stub::kBegin | 1), Verdict::kBroken);     // an object left out
  EXPECT_EQ(Reader().take(stub::kBegin | 0, 0), Verdict::kBroken);  // one that nobody asked for
  EXPECT_EQ(Reader().take(~std::uint64_t{0}), Verdict::kBroken);
  Reader r;
  EXPECT_EQ(r.take(stub::kBegin), Verdict::kFine);
  EXPECT_EQ(r.take(stub::kBegin), Verdict::kBroken);       // twice
  EXPECT_EQ(r.take(stub::kEnd | 65), Verdict::kBroken);    // no such signal
  EXPECT_EQ(r.take(stub::kAddressEnd), Verdict::kBroken);  // no address of a process
  EXPECT_TRUE(r.told.empty());
}

TEST(TraverseLog, KeepsNoMoreReferentsThanItMay) {
  Reader r;
  EXPECT_EQ(r.take(stub::kBegin), Verdict::kFine);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(r.take(8), Verdict::kFine);
  EXPECT_EQ(r.take(8), Verdict::kTooMany);
  EXPECT_EQ(r.records.referents(), 3u);
}

TEST(TraverseLog, AHeadMayNeitherGoBackNorOvertake) {
  EXPECT_TRUE(TraverseLog::plausible_head(5, 5, 8));
  EXPECT_TRUE(TraverseLog::plausible_head(5, 13, 8));
  EXPECT_FALSE(TraverseLog::plausible_head(5, 14, 8));
  EXPECT_FALSE(TraverseLog::plausible_head(5, 4, 8));
  EXPECT_FALSE(TraverseLog::plausible_head(5, ~std::uint64_t{0}, 8));
}

TEST(TraverseLog, AnyWordsAtAllLeaveItInOrder) {
  std::mt19937_64 random(1);
  Reader r;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t tag = (random() % 4) << stub::kTagShift,
                        low = random() % (random() % 2 ? 3 : ~std::uint64_t{0});
    r.take(tag | low, 1000);
    ASSERT_LE(r.records.referents(), 3u);
    ASSERT_LE(r.records.index(), 1000u);
  }
}

}  // namespace
}  // namespace heapglass
