#include "lib/report/report_page.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(ReportPage, JsonEndsNoElement) {
  EXPECT_EQ(json_for_html("{\"a\": \"</script><!--&\"}"),
            "{\"a\": \"\\u003c/script\\u003e\\u003c!--\\u0026\"}");
  const std::string page = report_page("{\"a\": \"</script>\"}");
  EXPECT_NE(page.find("data-connect=\"'none'\">{\"a\": \"\\u003c/script\\u003e\"}</script>"), page.npos);
}

TEST(ReportPage, MayAskWhereItCameFromOnlyWhereItIsServed) {
  EXPECT_NE(report_page("{}").find("connect-src 'none';"), std::string::npos);
  EXPECT_EQ(report_page("{}").find("data-connect=\"'self'"), std::string::npos);
  EXPECT_NE(report_page("{}", true).find("connect-src 'self';"), std::string::npos);
}

TEST(ReportPage, TextsOfMegabytesAreCut) {
  Document document;
  document.fields.push_back({{"short"}, std::string(100, 'x')});
  document.fields.push_back({{"long"}, std::string(5'000'000, 'y')});
  document.fields.push_back({{"list"}, List{Record{{{"in"}, std::string(2000, 'z')}}}});
  EXPECT_EQ(cut_long_texts(document, 1000), 2u);
  EXPECT_EQ(std::get<std::string>(document.fields[0].value).size(), 100u);
  EXPECT_LT(std::get<std::string>(document.fields[1].value).size(), 1100u);
}

}  // namespace
}  // namespace heapglass
