#include "lib/render/utf8.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(Utf8, InvalidBytesBecomeReplacements) {
  EXPECT_EQ(valid_utf8("a\xff\x62"), "a\xEF\xBF\xBD\x62");
  EXPECT_EQ(valid_utf8("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");           // overlong NUL
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\\ud800");                        // a lone surrogate
  EXPECT_EQ(valid_utf8("\x1b\u202E\n"), "\x1b\u202E\n");                   // all else is as it is
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

TEST(Utf8, NothingHides) {
  for (const char32_t point :
       {0x00ADu, 0x034Fu,  0x061Cu,  0x115Fu,  0x17B4u,  0x180Eu,  0x200Bu,  0x200Cu, 0x200Du,
        0x200Eu, 0x200Fu,  0x2028u,  0x2029u,  0x202Au,  0x202Eu,  0x2060u,  0x2066u, 0x2069u,
        0x206Fu, 0x3164u,  0xFDD0u,  0xFE00u,  0xFE0Fu,  0xFEFFu,  0xFFA0u,  0xFFF9u, 0xFFFEu,
        0xFFFFu, 0x1D173u, 0xE0001u, 0xE0041u, 0xE0100u, 0xE01EFu, 0x10FFFFu}) {
    std::string text;
    append_utf8(text, point);
    EXPECT_TRUE(is_hidden(point)) << std::hex << static_cast<unsigned>(point);
    EXPECT_EQ(printable(text), spelled_out(point));
    EXPECT_EQ(printable(text).front(), '\\');
  }
  for (const std::string_view text :
       {" ", "a~", "größe", "\u00A0", "漢字", "😀", "e\u0301", "\uFFFD", "\uE000", "\u0600"})
    EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable("\U000E0041"), "\\U000e0041");
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
