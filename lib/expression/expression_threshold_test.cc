#include <gtest/gtest.h>

#include "lib/expression/expression.h"

namespace heapglass {
namespace {

class Fixed final : public ExpressionSample {
 public:
  std::optional<double> measure(const ExpressionMeasure& m) const override {
    if (m.name == "peak") return std::nullopt;
    if (m.growth) return m.relative ? 0.0731 : 5'120'000;
    if (m.name == "bytes" && m.argument == "app.Session") return 12'000'000;
    return 100;
  }
};

std::vector<std::string> exceeded(const std::string& text) {
  return Expression::parse_threshold(text, "--fail-if").exceeded(Fixed());
}

TEST(Thresholds, TellTheirReasons) {
  using Reasons = std::vector<std::string>;
  EXPECT_EQ(exceeded("bytes(app.Session) > 10MB"), Reasons{"bytes(app.Session) (12.0 MB) > 10.0 MB"});
  EXPECT_EQ(exceeded("growth(rss) > 5%"), Reasons{"growth(rss) (7.31 %) > 5.00 %"});
  EXPECT_EQ(exceeded("growth(rss) > 5MB"), Reasons{"growth(rss) (5.12 MB) > 5.00 MB"});
  EXPECT_EQ(exceeded("bytes('app.Session') > 20MB or growth(rss) >= 7.3 % and objects < 101"),
            (Reasons{"growth(rss) (7.31 %) >= 7.30 %", "objects (100) < 101"}));
  EXPECT_EQ(exceeded("not (objects > 100)"), Reasons{"it is not so that objects (100) > 100"});
  EXPECT_EQ(exceeded("10 < entries('app.cache') <= 100"), Reasons{"10 < entries(app.cache) (100) <= 100"});
  EXPECT_TRUE(exceeded("bytes(app.Session) > 12MB").empty());
  EXPECT_TRUE(exceeded("objects > 99 and growth(rss) > 8%").empty());
}

TEST(Thresholds, WhatNobodyKnowsExceedsNothing) {
  EXPECT_TRUE(exceeded("peak > 0").empty());
  EXPECT_TRUE(exceeded("not (peak > 1GB)").empty());
  EXPECT_EQ(exceeded("peak > 0 or objects > 0").size(), 1u);
}

TEST(Thresholds, PointAtTheWrongPlace) {
  auto wrong = [](const std::string& text) {
    try {
      Expression::parse_threshold(text, "--fail-if");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_NE(wrong("rs > 1").find("a number or a measure is expected, not 'rs'"), std::string::npos);
  EXPECT_NE(wrong("rss > 5%").find("a percentage is one of growth"), std::string::npos);
  EXPECT_NE(wrong("rss").find("a comparison is expected"), std::string::npos);
  EXPECT_NE(wrong("1 < 2").find("nothing to measure"), std::string::npos);
  EXPECT_NE(wrong("count > 2").find("'(' is expected after count"), std::string::npos);
  EXPECT_NE(wrong("rss == 2").find("compared by <, <=, > or >="), std::string::npos);
  EXPECT_NE(wrong("growth(rss > 5%").find("')' is expected"), std::string::npos);
  EXPECT_NE(wrong("growth(rss) > 5% or").find("a number or a measure is expected, not the end"),
            std::string::npos);
  EXPECT_NE(wrong("").find("an expression is expected"), std::string::npos);
  EXPECT_NE(wrong("type == dict").find("a number or a measure is expected"), std::string::npos);
}

}  // namespace
}  // namespace heapglass
