#include "lib/compare/change_point.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace heapglass {
namespace {

using Kind = ChangePoint::Kind;
using Make = std::function<double(std::size_t look)>;

std::vector<double> times_of(std::size_t looks) {
  std::vector<double> times;
  for (std::size_t i = 0; i < looks; ++i) times.push_back(1.7e9 + 10 * static_cast<double>(i));
  return times;
}

ChangePoint change_of(std::size_t looks, const Make& make) {
  std::vector<double> values;
  for (std::size_t i = 0; i < looks; ++i) values.push_back(make(i));
  return find_change(times_of(looks), values);
}

// Of the standard normal distribution, the same with every library: sums of twelve even ones.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : random_(seed) {}
  double operator()() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random_() >> 11) * 0x1p-53;
    return sum;
  }

 private:
  std::mt19937_64 random_;
};

TEST(ChangePoint, IsTheLookOfAPlantedStep) {
  for (const std::size_t looks : {14u, 16u, 30u, 100u, 1000u}) {
    for (const std::size_t place : {looks / 3, looks / 2, looks - looks / 3}) {
      const ChangePoint change = change_of(looks, [&](std::size_t i) { return i < place ? 1e6 : 5e6; });
      EXPECT_EQ(change.kind, Kind::kStep) << looks << " looks, at " << place;
      EXPECT_EQ(change.look, place) << looks;
      EXPECT_NEAR(change.step, 4e6, 1);
    }
  }
}

TEST(ChangePoint, OfTheFewestLooksIsInTheMiddle) {
  const ChangePoint change =
      change_of(kFewestLooks, [](std::size_t i) { return i < kFewestLooks / 2 ? 0.0 : 9.0; });
  EXPECT_EQ(change.kind, Kind::kStep);
  EXPECT_EQ(change.look, kFewestLooks / 2);
}

TEST(ChangePoint, IsTheLookOfAPlantedRate) {
  // It begins to grow, and it stops.
  for (const std::size_t looks : {13u, 14u, 15u, 16u, 17u, 30u, 100u, 1000u}) {
    const std::size_t place = looks / 2;
    const ChangePoint begins = change_of(looks, [&](std::size_t i) {
      return i < place ? 1000.0 : 1000 + 500 * static_cast<double>(i - place);
    });
    EXPECT_EQ(begins.kind, Kind::kRate) << looks;
    EXPECT_NEAR(static_cast<double>(begins.look), static_cast<double>(place), 1) << looks;
    EXPECT_NEAR(begins.before, 0, 1e-6);
    EXPECT_NEAR(begins.after, 50, 1e-6) << "a look is ten units of time";
    const ChangePoint ends =
        change_of(looks, [&](std::size_t i) { return 500 * static_cast<double>(std::min(i, place)); });
    EXPECT_EQ(ends.kind, Kind::kRate) << looks;
    EXPECT_NEAR(static_cast<double>(ends.look), static_cast<double>(place), 1) << looks;
    EXPECT_NEAR(ends.before, 50, 1e-6);
    EXPECT_NEAR(ends.after, 0, 1e-6);
  }
}

TEST(ChangePoint, IsFoundInNoise) {
  // With noise of a thirtieth of the step, and of a fifth of what it grows in a look.
  int steps = 0, rates = 0;
  constexpr int kSeries = 20;
  for (int series = 0; series < kSeries; ++series) {
    Noise noise(static_cast<std::uint64_t>(series) + 1);
    const ChangePoint step = change_of(20, [&](std::size_t i) { return (i < 8 ? 0 : 30) + noise(); });
    steps += step.kind == Kind::kStep && step.look == 8;
    const ChangePoint rate = change_of(
        24, [&](std::size_t i) { return (i < 12 ? 0 : 5 * static_cast<double>(i - 11)) + noise(); });
    rates += rate.kind == Kind::kRate && rate.look >= 10 && rate.look <= 14;
  }
  EXPECT_GE(steps, kSeries * 95 / 100);
  EXPECT_GE(rates, kSeries * 95 / 100);
}

TEST(ChangePoint, IsNoneWhereItGoesOnAsItWas) {
  for (const std::size_t looks : {12u, 13u, 40u, 500u}) {
    EXPECT_EQ(change_of(looks, [](std::size_t) { return 7.0; }).kind, Kind::kNone) << looks;
    EXPECT_EQ(change_of(looks, [](std::size_t i) { return 3e9 + 1e6 * static_cast<double>(i); }).kind,
              Kind::kNone)
        << looks;
    // A peak that goes again, two of them.
    EXPECT_EQ(change_of(looks, [&](std::size_t i) { return i == looks / 2 || i == 1 ? 1e9 : 5.0; }).kind,
              Kind::kNone)
        << looks;
    // Twenty cycles of a cache that fills and is emptied.
    EXPECT_EQ(change_of(looks, [](std::size_t i) { return static_cast<double>(i % 3) * 1e5; }).kind,
              Kind::kNone)
        << looks;
  }
}

TEST(ChangePoint, IsUnsureOfFewLooks) {
  for (std::size_t looks = 0; looks < kFewestLooks; ++looks)
    EXPECT_EQ(change_of(looks, [&](std::size_t i) { return i < looks / 2 ? 0.0 : 1e6; }).kind, Kind::kUnsure)
        << looks;
}

// Of 1,000 series each, how many are said to have changed though nothing did: at most kChanceOfChange is
// meant.
TEST(ChangePoint, IsRareInNoise) {
  struct Kinds {
    const char* name;
    std::function<double(double before, Noise& noise, std::size_t look)> next;
  };
  const Kinds kinds[] = {
      {"noise", [](double, Noise& noise, std::size_t) { return noise(); }},
      {"noise around a slope",
       [](double, Noise& noise, std::size_t look) { return 2 * static_cast<double>(look) + noise(); }},
      {"noise with heavy tails", [](double, Noise& noise, std::size_t) { return std::pow(noise(), 3); }},
      {"small whole numbers", [](double, Noise& noise, std::size_t) { return std::round(noise()); }},
      {"noise that is remembered",
       [](double before, Noise& noise, std::size_t) { return 0.8 * before + noise(); }},
      {"a random walk", [](double before, Noise& noise, std::size_t) { return before + noise(); }},
      {"a random walk with a drift",
       [](double before, Noise& noise, std::size_t) { return before + noise() + 1; }}};
  constexpr int kSeries = 1000;
  for (const Kinds& kind : kinds) {
    int changed = 0;
    for (int series = 0; series < kSeries; ++series) {
      Noise noise(static_cast<std::uint64_t>(series) * 77 + 5);
      double before = 0;
      const ChangePoint change =
          change_of(18, [&](std::size_t look) { return before = kind.next(before, noise, look); });
      changed += change.kind != Kind::kNone;
    }
    std::printf("%s: %d of %d series\n", kind.name, changed, kSeries);
    EXPECT_LE(changed, kSeries * kChanceOfChange + 5) << kind.name;
  }
}

}  // namespace
}  // namespace heapglass
