#include "lib/report/json_schemas.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/render/json_check.h"

namespace heapglass {
namespace {

TEST(JsonSchemas, AreJsonEachAndTogether) {
  ASSERT_GE(json_schemas().size(), 20u);
  EXPECT_TRUE(std::is_sorted(json_schemas().begin(), json_schemas().end(),
                             [](const JsonSchema& a, const JsonSchema& b) { return a.command < b.command; }));
  const std::string all = all_json_schemas();
  EXPECT_TRUE(JsonCheck::valid(all));
  for (const JsonSchema& each : json_schemas()) {
    EXPECT_TRUE(JsonCheck::valid(std::string(each.text))) << each.command;
    EXPECT_NE(each.text.find("heapglass " + std::string(each.command) + " --format json"), each.text.npos);
    EXPECT_NE(all.find("\"" + std::string(each.command) + "\": {"), all.npos) << each.command;
    EXPECT_EQ(json_schema_of(each.command), each.text);
  }
}

TEST(JsonSchemas, OfWhatHasNoneIsRefused) {
  for (const char* const name : {"", "top", "Histogram"})
    EXPECT_THROW((void)json_schema_of(name), Error) << name;
}

}  // namespace
}  // namespace heapglass
