#include "lib/screen/draw_top.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "lib/render/utf8.h"
#include "lib/screen/top_rows.h"

namespace heapglass {
namespace {

TopRow type(const std::string& name, double objects, double bytes, std::optional<double> growth = 0) {
  return {.id = name, .name = name, .values = {objects, bytes, growth, growth}};
}

TopState state_of(std::vector<TopRow> rows) {
  TopState state;
  state.table().set_rows(std::move(rows));
  TopTarget& t = state.target;
  t.pid = 4711;
  t.command = "python3 app.py";
  t.python = "CPython 3.12.1";
  t.samples = 3;
  t.objects = 1'234'567;
  t.rss = 93'500'000;
  t.bytes = 78'000'000;
  t.pause_ms = 3.25;
  t.freeze = "precopy";
  t.rss_history = {1e6, 2e6, 3e6, 2e6};
  t.parts = {{"Python", 60}, {"buffers", 20}, {"native", 1}, {"free", 0}};
  return state;
}

std::string all_text(const std::vector<ScreenLine>& lines) {
  std::string text;
  for (const ScreenLine& line : lines) text += text_of(line) + "\n";
  return text;
}

std::vector<std::string> names(const TopTable& table) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < table.size(); ++i) all.push_back(table.row(i).name);
  return all;
}

Key letter(char32_t c) { return {Key::kCharacter, c}; }
void type_in(TopState& state, std::string_view text) {
  for (const char c : text) state.press(letter(static_cast<unsigned char>(c)), 10);
}

TEST(DrawTop, FitsEveryScreen) {
  std::vector<TopRow> rows;
  for (int i = 0; i < 300; ++i)
    rows.push_back(type("a.module.with.a.long.name.\u4e16\u754c.Type" + std::to_string(i), i, i * 1e6, 1e9));
  TopState state = state_of(rows);
  state.target.command = std::string(1000, 'x') + "\u4e16\u754c";
  state.notice = std::string(500, 'n');
  for (const bool with_text : {false, true}) {
    if (with_text) state.text = TopText{"Who holds \u4e16\u754c", {std::string(700, 'y'), "z"}, 0};
    for (const bool utf8 : {false, true})
      for (std::size_t columns = 1; columns <= 200; columns += columns < 60 ? 1 : 29)
        for (std::size_t lines = 1; lines <= 60; lines += lines < 30 ? 1 : 7) {
          const auto screen = draw_top(state, {columns, lines}, {utf8});
          ASSERT_LE(screen.size(), lines) << columns << "x" << lines;
          for (const ScreenLine& line : screen)
            ASSERT_LE(width_of(line), columns) << columns << "x" << lines << ": " << text_of(line);
        }
  }
}

TEST(DrawTop, Shows80ColumnsBy24Lines) {
  const auto screen = draw_top(state_of({type("app.Session", 500, 28'000, 1'500), type("str", 9, 9'000'000)}),
                               {80, 24}, {true});
  const std::string text = all_text(screen);
  EXPECT_EQ(screen.size(), 24u);
  EXPECT_TRUE(text.starts_with("4711 python3 app.py  ")) << text;
  EXPECT_NE(text.find("RSS 93.5 MB (+0 B/s)  pause 3.25 ms by precopy  objects 1,234,567"), std::string::npos)
      << text;
  EXPECT_NE(text.find("RSS \u2581\u2585\u2588\u2585"), std::string::npos) << text;
  EXPECT_NE(text.find("    objects    bytesv   growth/s  since start type"), std::string::npos) << text;
  const std::size_t larger = text.find("          9   9.00 MB          0            0 str"),
                    smaller = text.find("        500   28.0 kB   +1.50 kB     +1.50 kB app.Session");
  EXPECT_NE(smaller, std::string::npos) << text;
  EXPECT_LT(larger, smaller) << text;
}

TEST(DrawTop, WithoutUtf8IsAscii) {
  TopState state = state_of({type("app.S\u00e9ssion\u4e16", 1, 2)});
  state.target.command = "python3 \u00e9.py";
  const std::string text = all_text(draw_top(state, {80, 24}, {false}));
  EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\n' || (c >= ' ' && c <= '~');
  })) << text;
  EXPECT_NE(text.find("app.S\\xe9ssion\\u4e16"), std::string::npos) << text;
}

TEST(DrawTop, SpellsOutWhatCouldSteerATerminal) {
  const std::string hostile = "evil\x1b[2J\x07\u202e\u200b\r\nname";
  TopState state = state_of({type(hostile, 1, 2)});
  state.target.command = hostile;
  state.notice = hostile;
  state.target.why_no_parts = hostile;
  state.target.parts.clear();
  state.table().set_filter("evil");
  std::string text = all_text(draw_top(state, {80, 24}, {true}));
  state.text = TopText{hostile, {hostile}, 0};
  text += all_text(draw_top(state, {80, 24}, {true}));
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = decode_utf8(rest);
    EXPECT_TRUE(point.valid && (point.value == '\n' || !is_hidden(point.value))) << text;
    rest.remove_prefix(point.bytes);
  }
  EXPECT_NE(text.find("evil\\x1b[2J"), std::string::npos) << text;
}

TEST(DrawTop, MarksNumbersThatGrowAndTheSelectedRow) {
  const auto screen = draw_top(state_of({type("grows", 1, 2, 5), type("stays", 1, 1)}), {80, 24}, {true});
  bool growing = false, selected = false;
  for (const ScreenLine& line : screen)
    for (const StyledText& each : line) {
      growing |= each.style == Style::kGrowing;
      selected |= each.style == Style::kSelected && text_of(line).find("grows") != std::string::npos;
    }
  EXPECT_TRUE(selected);
  EXPECT_FALSE(growing) << "the selected row has one style";
  TopState state = state_of({type("grows", 1, 2, 5), type("more", 1, 9)});
  for (const ScreenLine& line : draw_top(state, {80, 24}, {true}))
    for (const StyledText& each : line) growing |= each.style == Style::kGrowing;
  EXPECT_TRUE(growing);
}

TEST(StackedBar, IsAsWideAsItShouldBeAndLeavesNothingOut) {
  for (std::size_t columns = 1; columns < 120; ++columns)
    for (const std::vector<std::uint64_t>& parts : {std::vector<std::uint64_t>{1, 1'000'000, 1, 0, 3},
                                                    {0, 5},
                                                    {7, 7, 7, 7, 7, 7, 7},
                                                    {~0ull >> 1, ~0ull >> 1}}) {
      const ScreenLine bar = stacked_bar(parts, columns);
      EXPECT_EQ(width_of(bar), columns);
      const auto there =
          static_cast<std::size_t>(std::count_if(parts.begin(), parts.end(), [](auto n) { return n > 0; }));
      if (there <= columns) {
        EXPECT_EQ(bar.size(), there) << columns;
      }
    }
  EXPECT_TRUE(stacked_bar(std::vector<std::uint64_t>{0, 0}, 10).empty());
}

TEST(Sparkline, GoesFromTheLeastToTheMostOfTheLastValues) {
  EXPECT_EQ(sparkline(std::vector<double>{9, 0, 7}, 2, {false}), "_#");
  EXPECT_EQ(sparkline(std::vector<double>{5, 5}, 10, {true}), "\u2585\u2585");
  EXPECT_EQ(sparkline({}, 10, {true}), "");
}

TEST(TopKeys, SortByColumnAndReverse) {
  TopState state = state_of({type("b", 3, 1), type("a", 1, 2), type("c", 2, 3)});
  EXPECT_EQ(names(state.table()), (std::vector<std::string>{"c", "a", "b"}));
  state.press(letter('n'), 10);
  EXPECT_EQ(names(state.table()), (std::vector<std::string>{"b", "c", "a"}));
  state.press(letter('n'), 10);
  EXPECT_EQ(names(state.table()), (std::vector<std::string>{"a", "c", "b"}));
  state.press(letter('a'), 10);
  EXPECT_EQ(names(state.table()), (std::vector<std::string>{"a", "b", "c"}));
  state.press(letter('>'), 10);  // from the last column to the first
  EXPECT_EQ(names(state.table()), (std::vector<std::string>{"b", "c", "a"}));
}

TEST(TopKeys, WhatIsNotKnownIsLastInEitherOrder) {
  TopState state =
      state_of({type("unknown", 1, 1, std::nullopt), type("less", 1, 1, -5), type("more", 1, 1, 5)});
  state.press(letter('g'), 10);
  EXPECT_EQ(names(state.table()), (std::vector<std::string>{"more", "less", "unknown"}));
  state.press(letter('g'), 10);
  EXPECT_EQ(names(state.table()), (std::vector<std::string>{"less", "more", "unknown"}));
}

TEST(TopKeys, FilterTakesLettersUntilItIsDone) {
  TopState state = state_of({type("app.Session", 1, 1), type("quart.App", 1, 2), type("str", 1, 3)});
  type_in(state, "/APP");
  EXPECT_EQ(names(state.table()), (std::vector<std::string>{"quart.App", "app.Session"}));
  type_in(state, "q");  // no end of the program
  EXPECT_EQ(state.table().size(), 0u);
  state.press({Key::kBackspace}, 10);
  state.press({Key::kEnter}, 10);
  EXPECT_EQ(state.table().size(), 2u);
  EXPECT_EQ(state.press({Key::kEscape}, 10), TopAction::kNone);
  EXPECT_EQ(state.table().size(), 3u);
  EXPECT_EQ(state.press(letter('q'), 10), TopAction::kQuit);
}

TEST(TopKeys, ASelectionStaysOnItsRow) {
  TopState state = state_of({type("a", 1, 3), type("b", 1, 2), type("c", 1, 1)});
  state.press({Key::kDown}, 10);
  EXPECT_EQ(state.table().selected_row()->id, "b");
  state.table().set_rows({type("a", 1, 3), type("b", 1, 9), type("d", 1, 10), type("c", 1, 1)});
  EXPECT_EQ(state.table().selected_row()->id, "b");
  EXPECT_EQ(state.table().selected(), 1u);
  state.table().set_rows({type("a", 1, 3)});
  EXPECT_EQ(state.table().selected_row()->id, "a");
  state.table().set_rows({});
  EXPECT_EQ(state.table().selected_row(), nullptr);
  EXPECT_EQ(state.press({Key::kEnter}, 10), TopAction::kNone);
}

TEST(TopKeys, BackGoesToAListOnlyWhereThereIsOne) {
  TopState state = state_of({type("a", 1, 1)});
  EXPECT_EQ(state.press({Key::kEscape}, 10), TopAction::kNone);
  state.has_list = true;
  EXPECT_EQ(state.press({Key::kEscape}, 10), TopAction::kBack);
  state.waiting = "looking";
  EXPECT_EQ(state.press({Key::kEscape}, 10), TopAction::kCancel);
  EXPECT_EQ(state.press({Key::kClosed}, 10), TopAction::kQuit);
}

TEST(TopRows, GrowthIsASecondAndSinceTheStart) {
  Sample first, before, latest;
  first.summary.types = {{.type = "app.Gone", .count = 1, .bytes = 10},
                         {.type = "builtins.str", .count = 1, .bytes = 100}};
  before = first;
  before.seconds = 8;
  before.summary.types[1].bytes = 300;
  latest.seconds = 10;
  latest.summary.types = {{.type = "app.New", .count = 1, .bytes = 6},
                          {.type = "builtins.str", .count = 2, .bytes = 500}};
  const auto rows = type_rows(latest, &before, &first);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].values, (std::vector<std::optional<double>>{1, 6, 3, 6}));
  EXPECT_EQ(rows[1].name, "str");
  EXPECT_EQ(rows[1].id, "builtins.str");
  EXPECT_EQ(rows[1].values, (std::vector<std::optional<double>>{2, 500, 100, 400}));
  EXPECT_EQ(type_rows(latest, nullptr, &latest)[1].values[2], std::nullopt);
}

TEST(TopRows, ANumberThatIsGivenAgainIsAnotherProcess) {
  ProcessRows rows;
  PythonProcesses processes;
  processes.found = {{.pid = 7, .rss = 1000, .age = 100}};
  EXPECT_EQ(rows.rows(processes, 100)[0].values[3], std::nullopt);
  processes.found[0].rss = 2000;
  processes.found[0].age = 130;
  EXPECT_EQ(rows.rows(processes, 130)[0].values[3], std::optional<double>(2000));
  processes.found[0] = {.pid = 7, .rss = 5000, .age = 1};
  EXPECT_EQ(rows.rows(processes, 131)[0].values[3], std::nullopt);
}

}  // namespace
}  // namespace heapglass
