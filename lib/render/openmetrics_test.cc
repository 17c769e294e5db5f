#include "lib/render/openmetrics.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(OpenMetrics, EscapesWhatTheTargetCallsItsTypes) {
  const std::vector<Gauge> gauges{
      {"heapglass_objects", "All objects.", {{{}, 12}}},
      {"heapglass_type_bytes",
       "Of a type.",
       {{{{"type", "a\"b\\c\nd"}, {"pid", "7"}}, 1.5e9}, {{{"type", "bad \xff utf8"}, {"pid", "7"}}, 0.25}}},
      {"heapglass_nothing", "Without a sample.", {}}};
  EXPECT_EQ(openmetrics(gauges),
            "# HELP heapglass_objects All objects.\n"
            "# TYPE heapglass_objects gauge\n"
            "heapglass_objects 12\n"
            "# HELP heapglass_type_bytes Of a type.\n"
            "# TYPE heapglass_type_bytes gauge\n"
            "heapglass_type_bytes{type=\"a\\\"b\\\\c\\nd\",pid=\"7\"} 1500000000\n"
            "heapglass_type_bytes{type=\"bad \xEF\xBF\xBD utf8\",pid=\"7\"} 0.25\n"
            "# EOF\n");
}

}  // namespace
}  // namespace heapglass
