#include "lib/render/csv.h"

#include <gtest/gtest.h>

#include <sstream>

#include "lib/render/samples.h"

namespace heapglass {
namespace {

std::string rendered(const Document& document, Warnings* warnings = nullptr) {
  std::ostringstream out;
  Warnings said = render_csv(document, {}, out);
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

TEST(Csv, TextComesBackExactly) {
  Document document;
  Table table;
  table.columns = {{"a,b"}, {"c"}};
  for (const std::string& text : kNasty) table.rows.push_back({text, text});
  table.rows.push_back({"=1+1", "\r\n\"\","});
  document.sections.push_back(table);
  const auto records = parsed(rendered(document));
  ASSERT_EQ(records.size(), table.rows.size() + 1);
  EXPECT_EQ(records[0], (std::vector<std::string>{"a,b", "c"}));
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    EXPECT_EQ(records[i + 1][0], std::get<std::string>(table.rows[i][0]));
    EXPECT_EQ(records[i + 1][1], std::get<std::string>(table.rows[i][1]));
  }
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
