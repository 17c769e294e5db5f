#include "lib/render/utf8.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(Utf8, InvalidBytesBecomeReplacements) {
  EXPECT_EQ(valid_utf8("a\xff\x62"), "a\xEF\xBF\xBD\x62");
  EXPECT_EQ(valid_utf8("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");           // overlong NUL
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD");                   // a lone surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80").substr(0, 3), "\xEF\xBF\xBD");  // above U+10FFFF
  EXPECT_EQ(valid_utf8("\xE2\x82"), "\xEF\xBF\xBD");                       // cut short
  EXPECT_EQ(valid_utf8("größe 漢字 😀"), "größe 漢字 😀");
}

TEST(Utf8, EveryCodePointSurvives) {
  for (char32_t point = 0; point <= 0x10FFFF; point += point < 0x3000 ? 1 : 17) {
    std::string text;
    append_utf8(text, point);
    const CodePoint back = decode_utf8(text);
    ASSERT_TRUE(back.valid) << std::hex << static_cast<unsigned>(point);
    ASSERT_EQ(back.value, point);
    ASSERT_EQ(back.bytes, text.size());
    ASSERT_EQ(back.surrogate, point >= 0xD800 && point < 0xE000);
  }
}

TEST(Utf8, NothingSteersTheTerminal) {
  EXPECT_EQ(printable("\x1b[31mred\n\t"), "\\x1b[31mred\\n\\t");
  EXPECT_EQ(printable("a\u202Eb"), "a\\u202eb");
  EXPECT_EQ(printable("\xC2\x9B"), "\\x9b");  // a C1 control, CSI in one character
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\0b");
  EXPECT_EQ(printable("\xED\xA0\xBD"), "\\ud83d");
}

TEST(Utf8, WidthCountsColumns) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("größe"), 5u);
  EXPECT_EQ(display_width("漢字"), 4u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(display_width("😀"), 2u);
}

TEST(Utf8, CutsFitAndKeepTheEnd) {
  EXPECT_EQ(cut_middle("short", 10, "…"), "short");
  const std::string cut = cut_middle("package.module.ClassName", 15, "…");
  EXPECT_EQ(display_width(cut), 15u);
  EXPECT_TRUE(cut.ends_with("ClassName")) << cut;
  EXPECT_EQ(cut_end("abcdefgh", 5, ".."), "abc..");
  for (std::size_t width = 0; width < 12; ++width) {
    EXPECT_LE(display_width(cut_middle("漢字漢字漢字", width, "…")), width);
    EXPECT_LE(display_width(cut_end("漢字漢字漢字", width, "..")), width);
  }
}

}  // namespace
}  // namespace heapglass
