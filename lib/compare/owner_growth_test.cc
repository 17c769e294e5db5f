#include <gtest/gtest.h>

#include "lib/compare/identities.h"
#include "lib/heap/owners.h"

namespace heapglass {
namespace {

TEST(OwnerGrowth, WhatWasToldItemByItemIsOneRowOfTheCollection) {
  const std::vector<OwnerCount> before{
      {.path = "app", .objects = 5, .bytes = 50},
      {.path = "app.state", .entries = 2, .parent = 0, .objects = 1, .bytes = 10},
      {.path = "app.state['a']", .entries = 3, .parent = 1, .objects = 4, .bytes = 40}};
  const std::vector<OwnerCount> after{
      {.path = "app", .objects = 5, .bytes = 50},
      {.path = "app.state", .entries = 90, .parent = 0, .collection = true, .objects = 100, .bytes = 1000}};
  for (const bool grows : {true, false}) {
    const auto rows = grows ? owner_growth(before, after) : owner_growth(after, before);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].count_delta(), 0);
    EXPECT_EQ(rows[1].path, "app.state");
    EXPECT_EQ(rows[1].count_delta(), grows ? 95 : -95);
    EXPECT_EQ(rows[1].bytes_delta(), grows ? 950 : -950);
    EXPECT_EQ(rows[1].entries_after, grows ? 90u : 2u);
  }
}

TEST(OwnerGrowth, OwnersOfOneNameAreOne) {
  Owners owners;
  owners.owners = {{.path = "thread in serve (app.py)", .objects = 1, .bytes = 1},
                   {.path = "a", .objects = 2, .bytes = 2},
                   {.path = "thread in serve (app.py)", .entries = 7, .objects = 3, .bytes = 3},
                   {.path = "thread in serve (app.py): rows", .parent = 2, .objects = 4, .bytes = 4}};
  std::vector<std::uint32_t> row_of;
  const auto rows = owner_counts(owners, &row_of);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].objects, 4u);
  EXPECT_EQ(rows[1].entries, 7u);
  EXPECT_EQ(rows[2].parent, 1u);
  EXPECT_EQ(row_of, (std::vector<std::uint32_t>{1, 0, 1, 2}));
}

Identities some(const std::vector<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>>& objects) {
  Identities out;
  out.types = {"builtins.str", "app.Session"};
  out.fixed = {true, false};
  for (const auto& [address, type, content] : objects) {
    out.address.push_back(Address{address});
    out.type.push_back(type);
    out.content.push_back(content);
    out.size.push_back(8);
  }
  return out;
}

TEST(Identities, AnAddressAloneIsNoObject) {
  const Identities earlier = some({{16, 0, 7}, {32, 0, 7}, {48, 1, 7}, {64, 1, 7}, {80, 1, 0}, {96, 1, 3}});
  Identities later = some({{8, 0, 7}, {16, 0, 7}, {32, 0, 8}, {48, 0, 7}, {64, 1, 9}, {80, 1, 5}});
  // Types are known by their names, whatever their numbers are.
  std::swap(later.types[0], later.types[1]);
  later.fixed = {false, true};
  for (std::uint32_t& type : later.type) type = 1 - type;
  const Match matched = match(earlier, later);
  EXPECT_EQ(matched.of_later,
            (std::vector<Same>{Same::kNo, Same::kYes, Same::kNo, Same::kNo, Same::kPerhaps, Same::kYes}));
  EXPECT_EQ(matched.gone, (std::vector<bool>{false, true, true, false, false, true}));
  EXPECT_EQ(matched.addresses_reused, 2u);
}

}  // namespace
}  // namespace heapglass
