#include "lib/snapshot/column_codec.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>

namespace heapglass {
namespace {

using Bytes = std::vector<std::byte>;

// Elements of `width` bytes, small ones and runs of equal ones among them, as columns have them.
Bytes some_elements(std::size_t rows, unsigned width, std::uint64_t most, std::mt19937_64& random) {
  Bytes out;
  std::uint64_t element = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    if (random() % 3) element = random() % 5 ? random() % most : random();
    for (unsigned b = 0; b < width; ++b) out.push_back(static_cast<std::byte>(element >> (8 * b)));
  }
  return out;
}

// Decoded as FORMAT.md says it, byte by byte.
Bytes as_the_format_says(const Bytes& stored, std::size_t rows, unsigned width, Transform transform) {
  Bytes planes(rows * width), out(rows * width);
  EXPECT_EQ(ZSTD_decompress(planes.data(), planes.size(), stored.data(), stored.size()), planes.size());
  if (width == 1 && transform == Transform::kNone) return planes;
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    std::uint64_t element = 0;
    for (unsigned b = 0; b < width; ++b)
      element |= std::to_integer<std::uint64_t>(planes[b * rows + i]) << (8 * b);
    if (transform == Transform::kDelta) before = element = before + ((element >> 1) ^ (0 - (element & 1)));
    for (unsigned b = 0; b < width; ++b) out[i * width + b] = static_cast<std::byte>(element >> (8 * b));
  }
  return out;
}

TEST(ColumnCodec, BlocksAreWhatTheFormatSays) {
  std::mt19937_64 random(1);
  for (const unsigned width : {1u, 2u, 4u, 8u})
    for (const Transform transform : {Transform::kNone, Transform::kDelta})
      for (const std::size_t rows : {1, 2, 7, 511, 512, 513, 1024, 1025, 5000})
        for (const std::uint64_t most : {std::uint64_t{1}, std::uint64_t{200}, std::uint64_t{1} << 20}) {
          const Bytes elements = some_elements(rows, width, most, random);
          const Bytes stored = encode_block(elements, width, transform);
          EXPECT_EQ(as_the_format_says(stored, rows, width, transform), elements)
              << rows << " of " << width << " below " << most;
          Bytes decoded(elements.size(), std::byte{0xff});
          EXPECT_TRUE(decode_block(stored, width, transform, decoded));
          EXPECT_EQ(decoded, elements);
        }
}

TEST(ColumnCodec, ABlockIsOfItselfWhateverStoodInTheRoomBefore) {
  std::mt19937_64 random(2);
  const Bytes large = some_elements(4000, 8, 1 << 30, random), small = some_elements(10, 8, 100, random);
  const Bytes first = encode_block(small, 8, Transform::kDelta);
  encode_block(large, 8, Transform::kDelta);
  EXPECT_EQ(encode_block(small, 8, Transform::kDelta), first);
}

TEST(ColumnCodec, DamageAndAnotherLengthAreSeen) {
  std::mt19937_64 random(3);
  const Bytes elements = some_elements(600, 4, 1000, random);
  const Bytes stored = encode_block(elements, 4, Transform::kNone);
  Bytes out(elements.size()), longer(elements.size() + 4), shorter(elements.size() - 4);
  EXPECT_FALSE(decode_block(stored, 4, Transform::kNone, longer));
  EXPECT_FALSE(decode_block(stored, 4, Transform::kNone, shorter));
  for (std::size_t i = 4; i < stored.size(); i += 37) {
    Bytes damaged = stored;
    damaged[i] ^= std::byte{0x10};
    EXPECT_FALSE(decode_block(damaged, 4, Transform::kNone, out) && out != elements) << i;
  }
}

}  // namespace
}  // namespace heapglass
