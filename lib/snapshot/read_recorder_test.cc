#include "lib/snapshot/read_recorder.h"

#include <gtest/gtest.h>

#include <array>

namespace heapglass {
namespace {

constexpr Address kStart{0x10000};

std::shared_ptr<Image> image_of(const std::array<std::byte, 2 * kSnapshotPage>& bytes) {
  auto image = std::make_shared<Image>();
  image->add({.start = kStart, .size = bytes.size(), .bytes = bytes.data(), .heap = true}, nullptr);
  image->seal();
  return image;
}

Address word(std::uint64_t n) { return kStart + n * 8; }

bool is_set(const WordMask& mask, std::uint64_t n) { return mask[n / 64] >> (n % 64) & 1; }

TEST(ReadRecorder, TakeOverWhatAnotherHasNoted) {
  std::array<std::byte, 2 * kSnapshotPage> bytes{};
  bytes.fill(std::byte{0x11});
  constexpr std::uint64_t kAll = 0x1111111111111111, kOne = 0x11, kThree = 0x111111;
  const auto image = image_of(bytes);
  const ReadRecorder mine(image, ReadRecorder::Unit::kWord);
  mine.touch(word(0), 5 * 8);  // 0 to 4
  mine.cut(word(1), 3);
  mine.cut(word(2), 3);
  mine.cut(word(3), 3);
  mine.blank(word(4));
  mine.stop();
  const ReadRecorder other(image, ReadRecorder::Unit::kWord);
  std::uint64_t read = 0;
  for (const std::uint64_t n : {1, 2, 5, 6, 700}) EXPECT_TRUE(image->load(word(n), read));
  other.cut(word(2), 1);
  other.blank(word(6));
  other.stop();
  mine.take_over(other);

  const auto seen = [&](std::uint64_t n) {
    return is_set(mine.blank_of({0, n / kWordsOfPage}), n % kWordsOfPage) ? mine.redacted_value(word(n), kAll)
                                                                          : kAll;
  };
  EXPECT_EQ(mine.pages().size(), 2u);
  const WordMask kept = mine.read_of({0, 0});
  for (std::uint64_t n = 0; n < 10; ++n) EXPECT_EQ(is_set(kept, n), n <= 6) << n;
  EXPECT_TRUE(is_set(mine.read_of({0, 1}), 700 - kWordsOfPage));
  EXPECT_EQ(seen(0), kAll);
  EXPECT_EQ(seen(1), kAll);    // the other has it whole
  EXPECT_EQ(seen(2), kOne);    // as the other has it
  EXPECT_EQ(seen(3), kThree);  // cut here, and not read there
  EXPECT_EQ(seen(4), 0u);
  EXPECT_EQ(seen(5), kAll);
  EXPECT_EQ(seen(6), 0u);
  // What was whole is cut anew, from nothing that it had before.
  mine.cut(word(1), 5);
  EXPECT_EQ(seen(1), 0x1111111111u);
}

// Who reads while it is recorded is refused what the file will not have.
TEST(ReadRecorder, RefusesWhatIsHidden) {
  std::array<std::byte, 2 * kSnapshotPage> bytes{};
  const auto image = image_of(bytes);
  const ReadRecorder recorder(image, ReadRecorder::Unit::kWord);
  std::uint64_t read = 0;
  EXPECT_TRUE(image->load(word(3), read));
  recorder.hide(word(2), 3 * 8);  // 2 to 4, of which 3 was read
  EXPECT_FALSE(recorder.is_touched(word(3)));
  EXPECT_TRUE(recorder.is_hidden(word(4)));
  for (const std::uint64_t n : {2, 3, 4}) EXPECT_FALSE(image->load(word(n), read)) << n;
  EXPECT_EQ(image->at(word(1), 16), nullptr);  // a part of it is hidden
  EXPECT_FALSE(recorder.is_touched(word(1)));
  EXPECT_NE(image->at(word(5), 16), nullptr);
  recorder.touch(word(0), 8 * 8);  // but what is hidden
  for (std::uint64_t n = 0; n < 8; ++n) EXPECT_EQ(recorder.is_touched(word(n)), n < 2 || n > 4) << n;
  recorder.reveal(word(3), 8);
  EXPECT_TRUE(image->load(word(3), read));
  EXPECT_FALSE(image->load(word(2), read));
  EXPECT_TRUE(recorder.is_touched(word(3)));
  // Over a border of 64 words, and to the end of the segment only.
  recorder.hide(word(62), ~std::uint64_t{0});
  EXPECT_TRUE(image->load(word(61), read));
  EXPECT_FALSE(image->load(word(62), read));
  EXPECT_FALSE(image->load(word(2 * kWordsOfPage - 1), read));
  recorder.hide(Address{0x10}, 8);  // no memory
}

TEST(ReadRecorder, RevealsWhatAnotherHasWhole) {
  std::array<std::byte, 2 * kSnapshotPage> bytes{};
  const auto image = image_of(bytes);
  const ReadRecorder names(image, ReadRecorder::Unit::kWord);
  names.touch(word(1), 2 * 8);
  names.blank(word(2));
  names.stop();
  const ReadRecorder recorder(image, ReadRecorder::Unit::kWord);
  recorder.hide(word(0), 4 * 8);
  recorder.reveal_whole_of(names);
  for (std::uint64_t n = 0; n < 4; ++n) EXPECT_EQ(recorder.is_hidden(word(n)), n != 1) << n;
}

}  // namespace
}  // namespace heapglass
