#include "lib/target/image.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace heapglass {
namespace {

class ImageTest : public testing::Test {
 protected:
  // A segment whose bytes count up from `first`.
  void add(std::uint64_t start, std::uint64_t size, bool heap = true) {
    auto bytes = std::make_shared<std::vector<std::byte>>(size);
    for (std::uint64_t i = 0; i < size; ++i) (*bytes)[i] = std::byte(start / 4096 + i);
    image.add({.start = Address{start}, .size = size, .bytes = bytes->data(), .heap = heap}, bytes);
  }
  Image image;
};

TEST_F(ImageTest, FindsBytesOfOneSegmentOnly) {
  add(0x7f0000000000, 4096);
  add(0x1000, 8192);
  add(0x3000, 4096);  // adjoins the one before
  image.seal();
  EXPECT_NE(image.at(Address{0x1000}, 8192), nullptr);
  EXPECT_EQ(image.at(Address{0x1000}, 8193), nullptr) << "goes on in another segment";
  EXPECT_EQ(image.at(Address{0xfff}, 1), nullptr);
  EXPECT_EQ(image.at(Address{0x4000}, 1), nullptr);
  EXPECT_NE(image.at(Address{0x7f0000000fff}, 1), nullptr);
  EXPECT_EQ(image.at(Address{0x7f0000000fff}, ~std::uint64_t{0}), nullptr) << "the sum would wrap";
  EXPECT_EQ(image.at(Address{~std::uint64_t{0}}, 1), nullptr);
  EXPECT_EQ(image.at(Address{std::uint64_t{1} << 47}, 1), nullptr);
}

TEST_F(ImageTest, ReadsAcrossAdjacentSegments) {
  add(0x1000, 4096);
  add(0x2000, 4096);
  image.seal();
  std::byte two[2];
  ASSERT_TRUE(image.read(Address{0x1fff}, two));
  EXPECT_EQ(two[1], std::byte{2});
  std::byte beyond[2];
  EXPECT_FALSE(image.read(Address{0x2fff}, beyond));
}

TEST_F(ImageTest, ManySegmentsAnswerAsAListWould) {
  std::mt19937_64 random(1);
  std::map<std::uint64_t, std::uint64_t> all;
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t start = (random() % (std::uint64_t{1} << (20 + i % 27))) / 4096 * 4096;
    const auto after = all.lower_bound(start);
    if (after != all.end() && start + 8192 > after->first) continue;
    if (after != all.begin() && std::prev(after)->first + 8192 > start) continue;
    all[start] = 8192;
    add(start, 8192, i % 2 == 0);
  }
  image.seal();
  for (int i = 0; i < 20000; ++i) {
    auto some = all.begin();
    std::advance(some, static_cast<long>(random() % all.size()));
    const std::uint64_t a = some->first + random() % 20000 - 6000;
    auto at = all.upper_bound(a);
    const bool inside = at != all.begin() && a - std::prev(at)->first < 8192;
    ASSERT_EQ(image.find(Address{a}) != nullptr, inside) << std::hex << a;
  }
}

TEST_F(ImageTest, OverlapsAndImpossibleSegmentsAreLeftOut) {
  add(0x1000, 8192);
  image.add({.start = Address{0x2000}, .size = 4096, .bytes = nullptr}, nullptr);
  image.add({.start = Address{(std::uint64_t{1} << 47) - 10}, .size = 100, .bytes = nullptr}, nullptr);
  image.add({.start = Address{0x9000}, .size = 0, .bytes = nullptr}, nullptr);
  image.seal();
  EXPECT_EQ(image.segments().size(), 1u);
}

}  // namespace
}  // namespace heapglass
