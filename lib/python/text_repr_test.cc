#include "lib/python/text_repr.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

// What CPython 3.13 says; testdata/programs/objgraph_shapes.py holds it against every interpreter.
TEST(TextRepr, FloatsAreTheShortestThatReadBack) {
  EXPECT_EQ(float_repr(1), "1.0");
  EXPECT_EQ(float_repr(-0.0), "-0.0");
  EXPECT_EQ(float_repr(0.1), "0.1");
  EXPECT_EQ(float_repr(1e15), "1000000000000000.0");
  EXPECT_EQ(float_repr(1e16), "1e+16");
  EXPECT_EQ(float_repr(0.0001), "0.0001");
  EXPECT_EQ(float_repr(0.00001), "1e-05");
  EXPECT_EQ(float_repr(1.5e300), "1.5e+300");
}

TEST(TextRepr, StringsTakeTheQuotesThatTheyDoNotHold) {
  EXPECT_EQ(str_repr("plain", 40), "'plain'");
  EXPECT_EQ(str_repr("it's", 40), "\"it's\"");
  EXPECT_EQ(str_repr("it's \"it\"", 40), "'it\\'s \"it\"'");
  EXPECT_EQ(str_repr(std::string("\n\t\r\\\0\x1b\x7f", 7), 40), "'\\n\\t\\r\\\\\\x00\\x1b\\x7f'");
  EXPECT_EQ(str_repr("größe 漢 😀", 40), "'größe 漢 😀'");
  EXPECT_EQ(str_repr("\xc2\xa0 \xe2\x80\xa8 \xed\xa0\x80 \xf3\xa0\x80\x81", 60),
            "'\\xa0 \\u2028 \\ud800 \\U000e0001'");
}

TEST(TextRepr, IsCutInCodePoints) {
  EXPECT_EQ(str_repr("abcdef", 4), "'abc");
  EXPECT_EQ(str_repr("漢漢漢漢", 3), "'漢漢");
  EXPECT_EQ(str_repr(std::string(1 << 20, 'x'), 40), "'" + std::string(39, 'x'));
}

}  // namespace
}  // namespace heapglass
