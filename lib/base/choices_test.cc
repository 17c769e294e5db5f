#include "lib/base/choices.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(Choices, APlaceOrWhatToUse) {
  EXPECT_EQ(parse_choice("--sort", "bytes", {"bytes", "count"}), 0u);
  EXPECT_EQ(parse_choice("--sort", "count", {"bytes", "count"}), 1u);
  try {
    parse_choice("--sort", "Count", {"bytes", "count", "type"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_STREQ(error.what(), "invalid --sort 'Count': use bytes, count or type");
    EXPECT_EQ(error.hint(), "");
  }
}

TEST(Choices, AreListed) {
  const std::string_view names[] = {"a", "b", "c"};
  EXPECT_EQ(list_choices(std::span(names, 1)), "a");
  EXPECT_EQ(list_choices(std::span(names, 2)), "a or b");
  EXPECT_EQ(list_choices(names), "a, b or c");
}

}  // namespace
}  // namespace heapglass
