#include "lib/render/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace heapglass {
namespace {

TEST(Numbers, AreGrouped) {
  EXPECT_EQ(grouped(std::uint64_t{0}), "0");
  EXPECT_EQ(grouped(std::uint64_t{999}), "999");
  EXPECT_EQ(grouped(std::uint64_t{1000}), "1,000");
  EXPECT_EQ(grouped(std::uint64_t{12345678}), "12,345,678");
  EXPECT_EQ(grouped(std::int64_t{-1234}), "-1,234");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Numbers, BytesHaveThreeDigits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(12345), "12.3 kB");
  EXPECT_EQ(human_bytes(123456), "123 kB");
  EXPECT_EQ(human_bytes(999'499), "999 kB");
  EXPECT_EQ(human_bytes(999'999), "1.00 MB");
  EXPECT_EQ(human_bytes(9'999), "10.0 kB");
  EXPECT_EQ(human_bytes(std::numeric_limits<std::uint64_t>::max()), "18.4 EB");
}

TEST(Numbers, PercentAndTime) {
  EXPECT_EQ(human_percent(0.1234), "12.3 %");
  EXPECT_EQ(human_percent(0), "0.0 %");
  EXPECT_EQ(human_percent(0.00001), "<0.1 %");
  EXPECT_EQ(human_percent(std::nan("")), "-");
  EXPECT_EQ(human_milliseconds(0.714), "0.71 ms");
  EXPECT_EQ(human_milliseconds(1250), "1.25 s");
  EXPECT_EQ(human_milliseconds(200'000), "3 min 20 s");
  EXPECT_EQ(human_milliseconds(7'260'000), "2 h 1 min");
}

TEST(Numbers, PlainOnesAreForPrograms) {
  EXPECT_EQ(plain(1.5e9), "1500000000");
  EXPECT_EQ(plain(0.25), "0.25");
  EXPECT_EQ(plain(-12), "-12");
  EXPECT_EQ(plain(1e300), "1e+300");
  EXPECT_EQ(plain(std::nan("")), "null");
}

TEST(Numbers, HaveASignWhereTheyAreDifferences) {
  EXPECT_EQ(signed_count(12345), "+12,345");
  EXPECT_EQ(signed_count(-1), "-1");
  EXPECT_EQ(signed_bytes(0), "+0 B");
  EXPECT_EQ(signed_bytes(-45'600'000), "-45.6 MB");
  EXPECT_EQ(signed_bytes(INT64_MIN), "-" + human_bytes(std::uint64_t{1} << 63));
}

}  // namespace
}  // namespace heapglass
