#include "lib/heap/address_index.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace heapglass {
namespace {

// Random objects in segments of odd sizes, against a plain sorted list.
TEST(AddressIndex, AnswersAsASortedListWould) {
  auto image = std::make_shared<Image>();
  std::mt19937_64 random(7);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> segments{
      {0x1000, 24}, {0x5000, 100 * 8}, {0x100000, 40000}, {0x7f0000000000, 4096}, {0x7f0000002000, 65536}};
  auto bytes = std::make_shared<std::vector<std::byte>>(65536);
  for (const auto& [start, size] : segments)
    image->add({.start = Address{start}, .size = size, .bytes = bytes->data(), .heap = start != 0x5000},
               bytes);
  image->seal();
  AddressIndex index(image);
  std::set<std::uint64_t> objects;
  for (const auto& [start, size] : segments) {
    if (start == 0x5000) {
      EXPECT_FALSE(index.bit_of(Address{start})) << "no object lives in memory that is not heap";
      continue;
    }
    for (std::uint64_t at = start; at + 8 <= start + size; at += 8)
      if (random() % 3 == 0) {
        EXPECT_TRUE(index.set(*index.bit_of(Address{at})));
        EXPECT_FALSE(index.set(*index.bit_of(Address{at})));
        objects.insert(at);
      }
  }
  index.freeze();
  ASSERT_EQ(index.count(), objects.size());
  std::uint32_t n = 0;
  for (const std::uint64_t a : objects) {
    EXPECT_EQ(index.find(Address{a}), NodeId{n});
    EXPECT_EQ(index.address(NodeId{n}), Address{a});
    EXPECT_EQ(index.last_before(Address{a + 4}), NodeId{n});
    ++n;
  }
  for (const auto& [start, size] : segments)
    for (std::uint64_t at = start; at < start + size; at += 4)
      if (!objects.count(at)) {
        EXPECT_EQ(index.find(Address{at}), kNoNode);
      }
  std::vector<std::uint64_t> walked;
  index.each_in_blocks(0, index.blocks(), [&](Address a) { walked.push_back(value(a)); });
  EXPECT_EQ(walked, std::vector<std::uint64_t>(objects.begin(), objects.end()));
}

}  // namespace
}  // namespace heapglass
