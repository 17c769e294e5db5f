#include "lib/render/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "lib/render/json_check.h"
#include "lib/render/samples.h"

namespace heapglass {
namespace {

std::string rendered(const Document& document, const RenderOptions& options = {}) {
  std::ostringstream out;
  render_json(document, options, out);
  return out.str();
}

TEST(Json, HistogramHasStableKeys) {
  EXPECT_EQ(rendered(histogram()),
            "{\n"
            "  \"total\": {\"objects\": 12345679, \"bytes\": 1234568122},\n"
            "  \"types\": [\n"
            "    {\"type\": \"dict\", \"count\": 12345678, \"bytes\": 1234567890, \"share\": 0.534, "
            "\"retained_bytes\": null},\n"
            "    {\"type\": \"collections.OrderedDict\", \"count\": 1, \"bytes\": 232, \"share\": 1e-05, "
            "\"retained_bytes\": 5}\n"
            "  ]\n"
            "}\n");
}

TEST(Json, CaveatsAreNotesForPeopleAndKindsForPrograms) {
  Document document;
  document.add(Caveat{"torn", 3, "3 objects were torn"});
  document.add(Caveat{"state", 0, "stopped: by a signal", {"stopped"}});
  EXPECT_EQ(rendered(document),
            "{\n"
            "  \"notes\": [\"3 objects were torn\", \"stopped: by a signal\"],\n"
            "  \"caveats\": [{\"kind\": \"torn\", \"count\": 3, \"examples\": []}, "
            "{\"kind\": \"state\", \"count\": null, \"examples\": [\"stopped\"]}]\n"
            "}\n");
}

TEST(Json, OneLineIsOneLine) {
  RenderOptions options;
  options.one_line = true;
  const std::string text = rendered(histogram(), options);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_TRUE(JsonCheck::valid(text)) << text;
}

TEST(Json, StringsAreValidWhateverTheyHold) {
  for (const std::string& text : kNasty)
    EXPECT_TRUE(JsonCheck::valid(json_string(text))) << json_string(text);
  EXPECT_EQ(json_string("a\"b\\c\nd\x01"), "\"a\\\"b\\\\c\\nd\\u0001\"");
  EXPECT_EQ(json_string("\xED\xA0\xBD"), "\"\\ud83d\"");  // as Python's json.dumps writes it
  EXPECT_EQ(json_string("\xff"), "\"\\udcff\"");          // as os.fsdecode() has it
  EXPECT_EQ(json_string("\xE2\x82"), "\"\\udce2\\udc82\"");
  EXPECT_EQ(json_string("\u202E\u009B\u200B"), "\"\\u202e\\u009b\\u200b\"");
  EXPECT_EQ(json_string("\U000E0041\U0001F600"), "\"\\udb40\\udc41\U0001F600\"");
  EXPECT_EQ(json_string(std::string_view("\0", 1)), "\"\\u0000\"");
}

TEST(Json, AllBytePairsAreValid) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const char pair[] = {static_cast<char>(first), static_cast<char>(second)};
      ASSERT_TRUE(JsonCheck::valid(json_string({pair, 2}))) << first << ' ' << second;
    }
  }
}

TEST(Json, Values) {
  EXPECT_EQ(json_value({}), "null");
  EXPECT_EQ(json_value(true), "true");
  EXPECT_EQ(json_value(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(json_value(-5), "-5");
  EXPECT_EQ(json_value(std::nan("")), "null");
  EXPECT_EQ(json_value(1.0 / 0.0), "null");
  EXPECT_EQ(json_value(Address{139872341}), "139872341");
  EXPECT_EQ(json_value(List{List{1, 2}, List{}}), "[[1, 2], []]");
  Table steps;
  steps.columns = {{"id"}, {"label"}};
  steps.rows = {{Address{16}, "x"}, {Address{32}, "y"}};
  EXPECT_EQ(json_value(Tables{steps}), "[{\"id\": 16, \"label\": \"x\"}, {\"id\": 32, \"label\": \"y\"}]");
}

TEST(Json, PicturesAreNodesAndEdges) {
  Document document = document_of(star(kNasty));
  document.notes = {"a note"};
  const std::string text = rendered(document);
  EXPECT_TRUE(JsonCheck::valid(text)) << text;
  EXPECT_NE(text.find("\"graph\": {\n    \"nodes\": ["), std::string::npos) << text;
  EXPECT_NE(text.find("{\"from\": 1016, \"to\": 1000, \"label\": \"plain\", \"kind\": \"strong\"}"),
            std::string::npos);
}

TEST(Json, EmptyDocumentIsAnObject) {
  EXPECT_TRUE(JsonCheck::valid(rendered({})));
  Document document;
  document.sections.push_back(Table{"rows", "", {{"a"}}, {}, {}, {}});
  EXPECT_EQ(rendered(document), "{\n  \"rows\": []\n}\n");
}

}  // namespace
}  // namespace heapglass
