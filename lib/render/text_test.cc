#include "lib/render/text.h"

#include <gtest/gtest.h>

#include <sstream>

#include "lib/render/samples.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

std::string rendered(const Document& document, const RenderOptions& options = {}) {
  std::ostringstream out;
  render_text(document, options, out);
  return out.str();
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

TEST(Text, TableIsAligned) {
  EXPECT_EQ(rendered(histogram()),
            "Type                          Count     Size    Share\n"
            "-----------------------  ----------  -------  -------\n"
            "dict                     12,345,678  1.23 GB   53.4 %\n"
            "collections.OrderedDict           1    232 B   <0.1 %\n"
            "-----------------------  ----------  -------  -------\n"
            "total                    12,345,679  1.23 GB  100.0 %\n"
            "3 objects could not be read\n");
}

TEST(Text, ExactBytesOnRequest) {
  RenderOptions options;
  options.exact_bytes = true;
  EXPECT_NE(rendered(histogram(), options).find("1,234,567,890"), std::string::npos);
}

TEST(Text, FitsTheTerminal) {
  Document document = histogram();
  std::get<Table>(document.sections[0])
      .rows.push_back({"some.really.deep.package.of.an.application.with.a.ClassOfLongName", 7, 7, 0.1, {}});
  for (const std::size_t width : {60, 80, 100}) {
    RenderOptions options;
    options.width = width;
    options.unicode = true;
    for (const std::string& line : lines(rendered(document, options))) {
      EXPECT_LE(display_width(line), width) << line;
    }
  }
  RenderOptions narrow;
  narrow.width = 5;  // nothing fits; numbers are never cut
  EXPECT_NE(rendered(document, narrow).find("12,345,678"), std::string::npos);
}

TEST(Text, ColumnsThatCanBeSparedAreLeftOutAndNamed) {
  Document document;
  document.sections.push_back(
      Table{.columns = {{"id", "", Kind::kAddress},
                        {"bytes", "", Kind::kBytes},
                        {"first_to_go", "first to go", Kind::kText, Audience::kAll, 2},
                        {"then", "", Kind::kCount, Audience::kAll, 1},
                        {"name", "", Kind::kText}},
            .rows = {{Address{0x7f0011223344}, 12'345'678, "sixteen columns!", 123'456'789,
                      "a.name.of.some.length"}}});
  const auto shown = [&](std::size_t width) { return rendered(document, {.width = width}); };
  EXPECT_EQ(shown(0).find("left out"), std::string::npos);
  EXPECT_EQ(shown(80).find("left out"), std::string::npos) << shown(80);
  EXPECT_NE(shown(60).find("left out here: first to go (a wider terminal"), std::string::npos) << shown(60);
  EXPECT_NE(shown(60).find("123,456,789"), std::string::npos) << shown(60);
  EXPECT_NE(shown(50).find("left out here: first to go, then"), std::string::npos) << shown(50);
  for (const std::size_t width : {44, 50, 60, 70, 80})
    for (const std::string& line : lines(shown(width))) EXPECT_LE(display_width(line), width) << line;
}

TEST(Text, LongNamesKeepTheirEnd) {
  RenderOptions options;
  options.width = 60;
  Document document = histogram();
  std::get<Table>(document.sections[0]).rows = {
      {"deep.package.of.an.application.with.a.LongName", 7, 7, 0.1, {}}};
  EXPECT_NE(rendered(document, options).find("LongName "), std::string::npos) << rendered(document, options);
}

TEST(Text, NothingOfTheTargetReachesTheTerminalRaw) {
  Document document = document_of(star(kNasty));
  Table table;
  table.columns = {{"a"}, {"b", "", Kind::kSentence}};
  for (const std::string& text : kNasty) table.rows.push_back({text, text});
  document.sections.push_back(table);
  document.notes.assign(std::begin(kNasty), std::end(kNasty));
  const std::string text = rendered(document);
  EXPECT_EQ(text, valid_utf8(text));
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

TEST(Text, ColourOnlyWhenAsked) {
  EXPECT_EQ(rendered(histogram()).find('\x1b'), std::string::npos);
  RenderOptions options;
  options.color = true;
  EXPECT_NE(rendered(histogram(), options).find("\x1b[1m"), std::string::npos);
}

TEST(Text, FieldsAreAListAndSentencesWrap) {
  Document document;
  document.fields = {{{"pid", "process", Kind::kPlainNumber}, 4711},
                     {{"pause_ms", "pause", Kind::kMilliseconds}, 0.714},
                     {{"verdict", "", Kind::kSentence}, "most of the memory is in one cache"},
                     {{"hidden", "", Kind::kText, Audience::kPrograms}, 1}};
  RenderOptions options;
  options.width = 30;
  EXPECT_EQ(rendered(document, options),
            "process  4711\n"
            "pause    0.71 ms\n"
            "verdict  most of the memory is\n"
            "         in one cache\n");
}

TEST(Text, DeltasHaveSigns) {
  const RenderOptions options;
  EXPECT_EQ(text_value(5, Kind::kCountDelta, options), "+5");
  EXPECT_EQ(text_value(0, Kind::kCountDelta, options), "0");
  EXPECT_EQ(text_value(-1234567, Kind::kBytesDelta, options), "-1.23 MB");
  EXPECT_EQ(text_value({}, Kind::kBytesDelta, options), "-");
  EXPECT_EQ(text_value(Address{0x7f31}, Kind::kAddress, options), "0x7f31");
}

TEST(Text, AnEmptyTableSaysSo) {
  Document document = histogram();
  std::get<Table>(document.sections[0]).rows.clear();
  EXPECT_NE(rendered(document).find("(none)"), std::string::npos);
}

TEST(Text, APictureIsATree) {
  Picture picture = star(std::vector<std::string>{"dict"});
  picture.edges[0].label = "['k']";
  picture.edges.push_back({0, 1, "back"});
  picture.nodes[1].more = 3;
  EXPECT_EQ(rendered(document_of(picture)),
            "Who holds it\n"
            "app.Session  17  56 B  0x3e8\n"
            "`- ['k'] of dict  dict  dict  0x3f8\n"
            "   |- 3 more\n"
            "   `- back of app.Session  17  56 B  0x3e8  (see above)\n");
}

TEST(Text, ALongChainIsNoRecursion) {
  Picture picture = star(std::vector<std::string>(20'000, "node"));
  picture.edges.clear();
  for (std::uint32_t i = 1; i < picture.nodes.size(); ++i) picture.edges.push_back({i, i - 1, "next"});
  RenderOptions options;
  options.width = 80;
  EXPECT_EQ(lines(rendered(document_of(picture), options)).size(), 20'002u);
}

}  // namespace
}  // namespace heapglass
