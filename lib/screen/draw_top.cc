#include "lib/screen/draw_top.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/render/numbers.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr std::size_t kFewestColumns = 20, kFewestLines = 4;
constexpr std::size_t kLinesForAll = 20;    // a second line for the names of the bar's parts
constexpr std::size_t kNarrowestName = 16;  // columns of numbers go before the name gets less

std::string number(std::optional<double> value, TopColumn::Measure measure) {
  if (!value) return "-";
  const auto whole = static_cast<std::int64_t>(std::llround(*value));
  switch (measure) {
    case TopColumn::kPlain:
      return std::to_string(whole);
    case TopColumn::kCount:
      return grouped(whole);
    case TopColumn::kBytes:
      return human_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(whole, 0)));
    case TopColumn::kBytesDelta:
      return whole == 0 ? "0" : signed_bytes(whole);
    case TopColumn::kText:
      break;
  }
  return "";
}

std::string age_text(double seconds) {
  return seconds < 1 ? "now" : human_milliseconds(std::floor(seconds) * 1000) + " ago";
}

class Drawing {
 public:
  Drawing(const TopState& state, ScreenSize size, ScreenText how)
      : state_(state), size_(size), how_(how), of_process_(state.view != TopView::kProcesses) {}

  std::vector<ScreenLine> draw() {
    if (size_.columns < kFewestColumns || size_.lines < kFewestLines) {
      add(shown("too small", size_.columns, how_), Style::kNotice);
      return std::move(lines_);
    }
    head();
    if (state_.text)
      text();
    else
      table();
    if (lines_.size() >= size_.lines) lines_.resize(size_.lines - 1);
    while (lines_.size() + 1 < size_.lines) add("", Style::kPlain);
    foot();
    return std::move(lines_);
  }

  std::size_t page() {
    head();
    const std::size_t above = lines_.size() + 2;  // the table's heading or the text's title, and the keys
    return size_.lines > above ? size_.lines - above : 1;
  }

 private:
  void add(std::string text, Style style) { lines_.push_back({{std::move(text), style}}); }
  // `text` and, where there is room for both, `right` at the right edge.
  void add_with_right(std::string_view text, std::string_view right, Style style) {
    const std::size_t at_right = display_width(right);
    const bool both = at_right > 0 && at_right + kNarrowestName < size_.columns;
    const std::size_t width = both ? size_.columns - at_right - 1 : size_.columns;
    std::string line = padded(shown_name(text, width, how_), width, how_);
    if (both) line += " " + std::string(right);
    add(std::move(line), style);
  }

  void head() {
    if (of_process_)
      process_head();
    else
      add_with_right("heapglass top: the Python processes of this machine", paused(), Style::kTitle);
    if (!state_.waiting.empty())
      add(shown(state_.waiting + " (Esc: not)", size_.columns, how_), Style::kNotice);
    else if (!state_.notice.empty())
      add(shown(state_.notice, size_.columns, how_), Style::kNotice);
    if (state_.filtering || !state_.table().filter().empty())
      add(shown("/" + state_.table().filter() + (state_.filtering ? "_" : ""), size_.columns, how_),
          Style::kNotice);
  }

  std::string paused() const { return state_.paused ? "stopped updating (space)" : ""; }

  void process_head() {
    const TopTarget& t = state_.target;
    // What tells least goes first where there are few lines: bar, sparkline.
    const bool has_line = size_.lines >= 8, has_spark = size_.lines >= 14, has_bar = size_.lines >= 16;
    add_with_right(std::to_string(t.pid) + " " + t.command,
                   state_.paused     ? paused()
                   : t.state.empty() ? t.python
                                     : t.state,
                   Style::kTitle);
    if (t.samples == 0) {
      add(shown("the first sample is being taken", size_.columns, how_), Style::kDim);
      return;
    }
    add(shown("RSS " + human_bytes(t.rss) + " (" + signed_bytes(std::llround(t.growth)) + "/s)  pause " +
                  human_milliseconds(t.pause_ms) + " by " + t.freeze + "  objects " + grouped(t.objects) +
                  ", " + human_bytes(t.bytes) + "  peak " + human_bytes(t.peak),
              size_.columns, how_),
        Style::kPlain);
    if (has_line) {
      char share[32];
      std::snprintf(share, sizeof share, "%.1f %%", t.share * 100);
      add(shown("sample " + grouped(t.samples) + ", " + age_text(t.age) +
                    (t.every > 0 ? ", one every " + human_milliseconds(t.every * 1000) : "") +
                    "  longest pause " + human_milliseconds(t.longest_pause_ms) + "  heapglass takes " +
                    share + " of a processor" +
                    (t.caveats.empty() ? "" : "  caveats: " + std::to_string(t.caveats.size()) + " (c)"),
                size_.columns, how_),
          Style::kDim);
    }
    if (has_spark && !t.rss_history.empty()) spark();
    if (has_bar) bar();
  }

  void spark() {
    const std::vector<double>& history = state_.target.rss_history;
    const auto [least, most] = std::minmax_element(history.begin(), history.end());
    const std::string range = " " + human_bytes(static_cast<std::uint64_t>(*least)) + " to " +
                              human_bytes(static_cast<std::uint64_t>(*most));
    const std::size_t left = size_.columns - std::min(size_.columns, display_width(range) + 4);
    lines_.push_back({{"RSS ", Style::kDim},
                      {sparkline(history, left, how_), Style::kPart0},
                      {shown(range, size_.columns - 4, how_), Style::kDim}});
  }

  void bar() {
    const TopTarget& t = state_.target;
    if (t.parts.empty()) {
      if (!t.why_no_parts.empty())
        add(shown("memory: not known: " + t.why_no_parts, size_.columns, how_), Style::kDim);
      return;
    }
    std::vector<std::uint64_t> parts;
    parts.reserve(t.parts.size());
    for (const TopPart& part : t.parts) parts.push_back(part.bytes);
    lines_.push_back(stacked_bar(parts, size_.columns));
    ScreenLine legend;
    std::size_t room = size_.columns;
    bool second = false;
    for (std::size_t i = 0; i < t.parts.size(); ++i) {
      if (parts[i] == 0) continue;
      const std::string text =
          std::string(1, bar_letter(i)) + " " + human_bytes(parts[i]) + " " + t.parts[i].name + "  ";
      if (text.size() > room) {
        if (second || size_.lines < kLinesForAll) break;
        lines_.push_back(std::exchange(legend, {}));
        second = true;
        room = size_.columns;
        if (text.size() > room) break;
      }
      room -= text.size();
      legend.push_back({text, static_cast<Style>(static_cast<std::size_t>(Style::kPart0) + i % kBarParts)});
    }
    lines_.push_back(std::move(legend));
  }

  // The columns of numbers for which there is room, by place; the name's gets the rest.
  std::vector<std::size_t> columns_with_room(std::size_t& name_width) const {
    const auto columns = state_.table().columns();
    std::vector<std::size_t> kept;
    std::size_t width = 0;
    for (std::size_t i = 0; i + 1 < columns.size(); ++i) {
      kept.push_back(i);
      width += columns[i].width + 1;
    }
    while (!kept.empty() && width + kNarrowestName > size_.columns) {
      const auto least = std::min_element(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) {
        return columns[a].importance < columns[b].importance;
      });
      width -= columns[*least].width + 1;
      kept.erase(least);
    }
    name_width = size_.columns - width;
    return kept;
  }

  void table() {
    const TopTable& table = state_.table();
    const auto columns = table.columns();
    std::size_t name_width = 0;
    const std::vector<std::size_t> kept = columns_with_room(name_width);
    const auto heading = [&](std::size_t i) {
      std::string text(columns[i].heading);
      if (i == table.sorted_by()) text += table.descending() ? "v" : "^";
      return text;
    };
    std::string head;
    for (const std::size_t i : kept) head += right_aligned(heading(i), columns[i].width, how_) + " ";
    head += padded(heading(columns.size() - 1), name_width, how_);
    add(std::move(head), Style::kHeading);
    if (lines_.size() + 1 >= size_.lines) return;
    const std::size_t room = size_.lines - lines_.size() - 1;
    const std::size_t first = table.first_shown(room);
    for (std::size_t at = first; at < std::min(table.size(), first + room); ++at)
      row(table, at, kept, name_width);
    if (table.size() == 0 && (table.all_rows() > 0 || state_.target.samples > 0))
      add(shown(table.filter().empty() ? "nothing is known yet" : "no name has this in it", size_.columns,
                how_),
          Style::kDim);
  }

  void row(const TopTable& table, std::size_t at, const std::vector<std::size_t>& kept,
           std::size_t name_width) {
    const TopRow& row = table.row(at);
    const auto columns = table.columns();
    const bool selected = at == table.selected();
    ScreenLine line;
    for (const std::size_t i : kept) {
      const bool text = columns[i].measure == TopColumn::kText;
      const std::string cell = text ? row.state : number(row.values[i], columns[i].measure);
      const bool grows = columns[i].measure == TopColumn::kBytesDelta && row.values[i].value_or(0) > 0;
      line.push_back({right_aligned(cell, columns[i].width, how_) + " ", selected ? Style::kSelected
                                                                         : grows  ? Style::kGrowing
                                                                                  : Style::kPlain});
    }
    std::string name = shown_name(row.name, name_width, how_);
    name.append(name_width - std::min(name_width, display_width(name)), ' ');
    line.push_back({std::move(name), selected ? Style::kSelected : Style::kPlain});
    lines_.push_back(std::move(line));
  }

  void text() {
    const TopText& text = *state_.text;
    add(padded(text.title, size_.columns, how_), Style::kHeading);
    for (std::size_t i = text.first; i < text.lines.size() && lines_.size() + 1 < size_.lines; ++i)
      add(shown(text.lines[i], size_.columns, how_), Style::kPlain);
  }

  void foot() {
    std::string keys;
    if (state_.filtering)
      keys = "type a part of a name  Enter: done  Esc: all";
    else if (state_.text)
      keys = "Up Down PgUp PgDn  q: close";
    else if (of_process_)
      keys = std::string("q quit  Enter who holds  Tab ") +
             (state_.view == TopView::kTypes ? "owners" : "types") +
             "  / filter  < > sort  space stop  s snapshot  r report  ? help";
    else
      keys = "q quit  Enter open  / filter  < > sort  space stop  o count objects  ? help";
    add(padded(keys, size_.columns, how_), Style::kDim);
  }

  const TopState& state_;
  const ScreenSize size_;
  const ScreenText how_;
  const bool of_process_;
  std::vector<ScreenLine> lines_;
};

}  // namespace

std::vector<ScreenLine> draw_top(const TopState& state, ScreenSize size, ScreenText how) {
  return Drawing(state, size, how).draw();
}

std::size_t page_of(const TopState& state, ScreenSize size, ScreenText how) {
  return Drawing(state, size, how).page();
}

}  // namespace heapglass
