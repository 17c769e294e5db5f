#include "lib/compare/since.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace heapglass {
namespace {

std::vector<double> minutes(std::size_t n) {
  std::vector<double> times(n);
  for (std::size_t i = 0; i < n; ++i) times[i] = 60.0 * static_cast<double>(i);
  return times;
}

// Of a series of sizes, 0: it is not there.
Since since_of(const std::vector<std::uint64_t>& bytes, bool all = false) {
  std::vector<bool> asked(bytes.size());
  return find_since(
      minutes(bytes.size()),
      [&](std::size_t i) {
        EXPECT_FALSE(asked[i]) << i << " is opened twice";
        asked[i] = true;
        return SizeAtCapture{
            .is_there = bytes[i] > 0, .objects = bytes[i] / 100, .bytes = bytes[i], .entries = {}};
      },
      all);
}

// Flat until `place`, then 1000 more each time; noise of up to `noise`.
std::vector<std::uint64_t> bend(std::size_t n, std::size_t place, std::uint64_t noise = 0) {
  std::vector<std::uint64_t> bytes;
  for (std::size_t i = 0; i < n; ++i)
    bytes.push_back(50'000 + (i >= place ? (i - place + 1) * 1000 : 0) + (noise ? i * 7919 % noise : 0));
  return bytes;
}

TEST(Since, HalvingFindsWhereItCame) {
  for (const std::size_t place : {1, 2, 17, 500, 998, 999}) {
    std::vector<std::uint64_t> bytes(1000);
    for (std::size_t i = place; i < bytes.size(); ++i) bytes[i] = 4000;
    const Since since = since_of(bytes);
    EXPECT_EQ(since.there, place);
    EXPECT_TRUE(since.looked.contains(place - 1)) << place;
    EXPECT_LT(since.looked.size(), 36u) << place;
    EXPECT_FALSE(since.looked_at_all);
  }
}

TEST(Since, HalvingFindsTheBend) {
  for (const std::size_t n : {17, 60, 1440})
    for (const std::size_t place : {n / 3, n / 2, n * 2 / 3}) {
      const std::vector<std::uint64_t> bytes = bend(n, place);
      const Since since = since_of(bytes), whole = since_of(bytes, true);
      EXPECT_EQ(since.change.kind, ChangePoint::Kind::kRate) << n << " " << place;
      EXPECT_EQ(since.change.look, place) << n;
      EXPECT_EQ(whole.change.look, place) << n;
      EXPECT_TRUE(whole.looked_at_all);
      EXPECT_EQ(since.there, 0u);
      EXPECT_NEAR(since.growth, 1000 / 60.0, 0.01);
      EXPECT_NEAR(whole.growth, 1000 / 60.0, 0.01);
      EXPECT_TRUE(since.looked.contains(place - 1)) << n << " " << place;
      EXPECT_LT(since.looked.size(), 30u);
    }
}

TEST(Since, NoiseMovesTheBendLittle) {
  for (const std::size_t place : {200, 330}) {
    const Since since = since_of(bend(600, place, 3000));
    EXPECT_EQ(since.change.kind, ChangePoint::Kind::kRate);
    EXPECT_NEAR(static_cast<double>(since.change.look), static_cast<double>(place), 8);
  }
}

TEST(Since, AStepIsFoundWhereItIs) {
  for (const std::size_t place : {90, 151, 222}) {
    std::vector<std::uint64_t> bytes(300, 1'000'000);
    for (std::size_t i = place; i < bytes.size(); ++i) bytes[i] = 9'000'000;
    const Since since = since_of(bytes);
    EXPECT_EQ(since.change.kind, ChangePoint::Kind::kStep);
    EXPECT_EQ(since.change.look, place);
    EXPECT_NEAR(since.change.step, 8e6, 1);
  }
}

TEST(Since, WhatComesAndGoesIsLookedAtInEach) {
  std::vector<std::uint64_t> bytes(200);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = i / 40 % 2 ? 5000 : 0;
  const Since since = since_of(bytes);
  EXPECT_TRUE(since.comes_and_goes);
  EXPECT_EQ(since.looked.size(), 200u);
  EXPECT_EQ(since.there, 40u);
}

TEST(Since, OfFewItSaysFromWhereOnItIsLarger) {
  const Since since = since_of({0, 0, 700, 700, 650, 800, 900});
  EXPECT_EQ(since.change.kind, ChangePoint::Kind::kUnsure);
  EXPECT_EQ(since.there, 2u);
  EXPECT_EQ(since.larger, 5u);
  EXPECT_FALSE(since_of({700, 700}).larger);
  EXPECT_FALSE(since_of({0, 0}).there);
  EXPECT_EQ(since_of({0}).looked.size(), 1u);
}

// Of the last snapshots no change is sure: that they are larger is.
TEST(Since, LateGrowthIsLargerFromSomewhereOn) {
  for (const std::size_t place : {960, 999}) {
    const Since since = since_of(bend(1000, place));
    EXPECT_EQ(since.change.kind, ChangePoint::Kind::kNone) << place;
    EXPECT_EQ(since.larger, place);
    EXPECT_TRUE(since.looked.contains(place - 1));
  }
}

TEST(Since, SteadyGrowthHasNoBeginning) {
  std::vector<std::uint64_t> bytes(100);
  std::iota(bytes.begin(), bytes.end(), 1000);
  const Since since = since_of(bytes);
  EXPECT_EQ(since.change.kind, ChangePoint::Kind::kNone);
  EXPECT_NEAR(since.growth, 1 / 60.0, 1e-9);
  EXPECT_EQ(since.larger, 1u);
}

}  // namespace
}  // namespace heapglass
