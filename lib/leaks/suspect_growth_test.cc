#include "lib/leaks/suspect_growth.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

Suspect suspect(const char* owner, std::uint64_t bytes, std::uint64_t objects) {
  return {.pattern = "unbounded-cache", .owner = owner, .bytes = bytes, .objects = objects};
}

TEST(SuspectGrowth, WhatGrowsComesFirst) {
  std::vector<Suspect> last{suspect("app.table", 900, 90), suspect("app.cache", 300, 30),
                            suspect("app.new", 50, 5)};
  annotate_growth(
      last, {{suspect("app.table", 900, 90), suspect("app.cache", 100, 10)},
             {suspect("app.table", 900, 90), suspect("app.cache", 100, 10), suspect("app.new", 40, 4)}});
  ASSERT_EQ(last.size(), 3u);
  EXPECT_EQ(last[0].owner, "app.cache");
  EXPECT_EQ(last[0].growth->bytes, 200);
  EXPECT_EQ(last[0].growth->objects, 20);
  EXPECT_EQ(last[0].growth->grew, 1);
  EXPECT_EQ(last[1].owner, "app.new");
  EXPECT_EQ(last[1].growth->bytes, 50);
  EXPECT_EQ(last[1].growth->grew, 2);
  EXPECT_EQ(last[2].owner, "app.table");
  EXPECT_EQ(last[2].growth->grew, 0);
  EXPECT_EQ(last[2].growth->looks, 2);
}

// Eight threads have each a list that grows: there are eight of them at both looks.
TEST(SuspectGrowth, AsManyObjectsThatKeepMoreGrew) {
  std::vector<Suspect> last{suspect("app.table", 9'000'000, 90), suspect("app.local", 4'000'000, 8),
                            suspect("app.status", 3'000'100, 3)};
  annotate_growth(last, {{suspect("app.table", 9'000'000, 90), suspect("app.local", 3'000'000, 8),
                          suspect("app.status", 3'000'000, 3)}});
  EXPECT_EQ(last[0].owner, "app.local");
  EXPECT_EQ(last[0].growth->grew, 1);
  EXPECT_TRUE(last[0].growth->is);
  EXPECT_FALSE(last[1].growth->is);
  EXPECT_FALSE(last[2].growth->is);
}

// Of 200 tenants one has nearly all sessions, and the other tenants have nothing that grew.
TEST(SuspectGrowth, WhatGrewInAPartIsToldByThePart) {
  const auto tenants = [](std::uint64_t bytes) {
    Suspect s = suspect("app.tenants", bytes, 200);
    s.only_if_grown = true;
    return s;
  };
  std::vector<Suspect> last{tenants(9'500'000), suspect("app.tenants['t137'].sessions", 9'000'000, 4500)};
  annotate_growth(last, {{tenants(8'000'000), suspect("app.tenants['t137'].sessions", 7'600'000, 4000)}});
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].owner, "app.tenants['t137'].sessions");
  // By itself, and where another one grew.
  last = {tenants(9'500'000), suspect("app.tenants2", 9'000'000, 4500)};
  annotate_growth(last, {{tenants(8'000'000), suspect("app.tenants2", 7'600'000, 4000)}});
  EXPECT_EQ(last.size(), 2u);
}

TEST(SuspectGrowth, OneLookTellsNone) {
  std::vector<Suspect> last{suspect("app.table", 900, 90)};
  annotate_growth(last, {});
  EXPECT_FALSE(last[0].growth);
}

}  // namespace
}  // namespace heapglass
