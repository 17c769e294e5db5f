#include "lib/render/csv.h"

#include <gtest/gtest.h>

#include <sstream>

#include "lib/render/samples.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

std::string rendered(const Document& document, Warnings* warnings = nullptr, bool raw = false) {
  std::ostringstream out;
  Warnings said = render_csv(document, {.csv_raw = raw}, out);
  if (warnings) *warnings = said;
  return out.str();
}

// RFC 4180, back to records.
std::vector<std::vector<std::string>> parsed(const std::string& text) {
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> record;
  std::string field;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (inside && text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += '"';
      ++i;
    } else if (text[i] == '"') {
      inside = !inside;
    } else if (!inside && (text[i] == ',' || text.compare(i, 2, "\r\n") == 0)) {
      record.push_back(field);
      field.clear();
      if (text[i] == ',') continue;
      records.push_back(record);
      record.clear();
      ++i;
    } else {
      field += text[i];
    }
  }
  return records;
}

TEST(Csv, HistogramHasPlainNumbers) {
  EXPECT_EQ(rendered(histogram()),
            "type,count,bytes,share,retained_bytes\r\n"
            "dict,12345678,1234567890,0.534,\r\n"
            "collections.OrderedDict,1,232,1e-05,5\r\n");
}

TEST(Csv, RawTextComesBackExactly) {
  Document document;
  Table table;
  table.columns = {{"a,b"}, {"c"}};
  for (const std::string& text : kNasty) table.rows.push_back({text, text});
  table.rows.push_back({"=1+1", "\r\n\"\","});
  document.sections.push_back(table);
  const auto records = parsed(rendered(document, nullptr, true));
  ASSERT_EQ(records.size(), table.rows.size() + 1);
  EXPECT_EQ(records[0], (std::vector<std::string>{"a,b", "c"}));
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    EXPECT_EQ(records[i + 1][0], valid_utf8(std::get<std::string>(table.rows[i][0])));
    EXPECT_EQ(records[i + 1][1], valid_utf8(std::get<std::string>(table.rows[i][1])));
  }
}

TEST(Csv, NothingHidesAndNothingIsComputed) {
  Document document;
  Table table;
  table.columns = {{"=text"}, {"number"}};
  for (const std::string text :
       {"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "'=1", "\"=1", " \"' @x", "\uFF1D1",
        "\uFF0B1", "\uFF0D1", "\uFF201", "\u3000=1", "\u00A0+1"})
    table.rows.push_back({text, -5});
  table.rows.push_back({"a=1", -0.5});
  table.rows.push_back({"\x1b[31m\u202E\u009B\n", 1});
  document.sections.push_back(table);
  const auto records = parsed(rendered(document));
  ASSERT_EQ(records.size(), table.rows.size() + 1);
  EXPECT_EQ(records[0][0], "'=text");
  for (std::size_t i = 1; i + 2 < records.size(); ++i) {
    EXPECT_EQ(records[i][0], "'" + printable(std::get<std::string>(table.rows[i - 1][0])));
    EXPECT_EQ(records[i][1], "-5");
  }
  EXPECT_EQ(records[records.size() - 2], (std::vector<std::string>{"a=1", "-0.5"}));
  EXPECT_EQ(records.back()[0], "\\x1b[31m\\u202e\\x9b\\n");
}

TEST(Csv, FieldsAreOneRow) {
  Document document;
  document.fields = {{{"python"}, "3.12.1"}, {{"pid"}, 4711}, {{"tids"}, List{1, 2}}};
  EXPECT_EQ(rendered(document), "python,pid,tids\r\n3.12.1,4711,\"[1, 2]\"\r\n");
}

TEST(Csv, SaysWhenItLeavesATableOut) {
  Document document = histogram();
  document.sections.push_back(document.sections[0]);
  Warnings warnings;
  rendered(document, &warnings);
  EXPECT_EQ(warnings.size(), 1u);
}

}  // namespace
}  // namespace heapglass
