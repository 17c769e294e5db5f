#include "lib/screen/top_state.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr TopColumn kProcesses[] = {
    {'i', "pid", 7, TopColumn::kPlain, 9, true},     {'m', "RSS", 9, TopColumn::kBytes, 8},
    {'p', "Pss", 9, TopColumn::kBytes, 4},           {'g', "growth/min", 12, TopColumn::kBytesDelta, 7},
    {'n', "objects", 11, TopColumn::kCount, 3},      {'z', "state", 9, TopColumn::kText, 5, true},
    {'a', "command", 0, TopColumn::kText, 10, true},
};
constexpr TopColumn kTypes[] = {
    {'n', "objects", 11, TopColumn::kCount, 6},       {'b', "bytes", 9, TopColumn::kBytes, 8},
    {'g', "growth/s", 10, TopColumn::kBytesDelta, 9}, {'t', "since start", 12, TopColumn::kBytesDelta, 5},
    {'a', "type", 0, TopColumn::kText, 10, true},
};
constexpr TopColumn kOwners[] = {
    {'n', "objects", 11, TopColumn::kCount, 6},       {'b', "bytes", 9, TopColumn::kBytes, 8},
    {'g', "growth/s", 10, TopColumn::kBytesDelta, 9}, {'t', "since start", 12, TopColumn::kBytesDelta, 5},
    {'a', "owner", 0, TopColumn::kText, 10, true},
};

std::size_t first_sort(TopView) { return 1; }  // bytes, RSS

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Without case, as far as ASCII goes.
bool contains(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

const std::vector<std::string> kHelp = {
    "Up, Down, PgUp, PgDn, Home, End   select a row",
    "Enter    processes: open it; types and owners: who holds them, and their paths",
    "Tab      types, owners",
    "/        filter by name; Esc ends the filter",
    "< >      sort by the column before, behind; the letter of a column sorts by it, again: reversed",
    "         i pid  m RSS  p Pss  g growth  n objects  z state  b bytes  t since start  a name",
    "space    stop updating, and go on",
    "s        save a snapshot of the process in the working directory",
    "r        write a report of it there",
    "o        processes: count the objects of the selected one, by a capture",
    "c        what is not exact in the last sample",
    "Esc      back",
    "q        quit",
};

}  // namespace

std::span<const TopColumn> columns_of(TopView view) {
  switch (view) {
    case TopView::kProcesses:
      return kProcesses;
    case TopView::kTypes:
      return kTypes;
    case TopView::kOwners:
      break;
  }
  return kOwners;
}

TopTable::TopTable(TopView view) : view_(view), sort_(first_sort(view)) {}

void TopTable::set_rows(std::vector<TopRow> rows) {
  rows_ = std::move(rows);
  arrange();
}

void TopTable::sort_by(std::size_t column) {
  if (column >= columns().size()) return;
  descending_ = column == sort_ ? !descending_ : !columns()[column].ascending;
  sort_ = column;
  arrange();
}

void TopTable::sort_by_next(int step) {
  const std::size_t count = columns().size();
  sort_ = (sort_ + count + static_cast<std::size_t>(step + static_cast<int>(count))) % count;
  descending_ = !columns()[sort_].ascending;
  arrange();
}

void TopTable::set_filter(std::string filter) {
  filter_ = std::move(filter);
  arrange();
}

void TopTable::move(long long rows) {
  if (order_.empty()) return;
  const auto last = static_cast<long long>(order_.size()) - 1;
  selected_ = static_cast<std::size_t>(std::clamp(static_cast<long long>(selected_) + rows, 0LL, last));
  selected_id_ = row(selected_).id;
}

bool TopTable::passes(const TopRow& row) const {
  return filter_.empty() || contains(row.name, filter_) || contains(row.id, filter_);
}

void TopTable::arrange() {
  order_.clear();
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (passes(rows_[i])) order_.push_back(i);
  const bool by_name = sort_ + 1 == columns().size();
  const bool by_state = !by_name && columns()[sort_].measure == TopColumn::kText;
  // What is not known comes last, whatever the order.
  const auto value = [&](std::size_t i) { return rows_[i].values[sort_]; };
  std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
    if (by_name || by_state) {
      const std::string& x = by_name ? rows_[a].name : rows_[a].state;
      const std::string& y = by_name ? rows_[b].name : rows_[b].state;
      return descending_ ? x > y : x < y;
    }
    if (!value(a) || !value(b)) return value(a).has_value() && !value(b).has_value();
    return descending_ ? *value(a) > *value(b) : *value(a) < *value(b);
  });
  // The selection stays on its row, wherever that is now; the first row is selected until the user moves.
  if (selected_id_.empty()) {
    selected_ = 0;
    return;
  }
  const auto at =
      std::find_if(order_.begin(), order_.end(), [&](std::size_t i) { return rows_[i].id == selected_id_; });
  if (at != order_.end())
    selected_ = static_cast<std::size_t>(at - order_.begin());
  else
    selected_ = order_.empty() ? 0 : std::min(selected_, order_.size() - 1);
}

std::size_t TopTable::first_shown(std::size_t lines) const {
  if (lines == 0 || order_.size() <= lines) return first_shown_ = 0;
  if (selected_ < first_shown_) first_shown_ = selected_;
  if (selected_ >= first_shown_ + lines) first_shown_ = selected_ - lines + 1;
  return first_shown_ = std::min(first_shown_, order_.size() - lines);
}

void TopState::show_help() { text = TopText{"Keys of heapglass top", kHelp, 0}; }

void TopState::show_caveats() {
  TopText shown{"What is not exact in the last sample", target.caveats, 0};
  if (shown.lines.empty()) shown.lines.emplace_back("nothing that heapglass knows of");
  text = std::move(shown);
}

TopAction TopState::press(const Key& key, std::size_t page) {
  if (key.kind == Key::kNone || key.kind == Key::kResize) return TopAction::kNone;
  if (key.kind == Key::kClosed) return TopAction::kQuit;
  if (filtering) {
    press_in_filter(key);
    return TopAction::kNone;
  }
  if (text) return press_in_text(key, page);
  const auto rows = static_cast<long long>(std::max<std::size_t>(page, 1));
  constexpr long long kAll = 1LL << 40;
  switch (key.kind) {
    case Key::kUp:
      table().move(-1);
      break;
    case Key::kDown:
      table().move(1);
      break;
    case Key::kPageUp:
      table().move(-rows);
      break;
    case Key::kPageDown:
      table().move(rows);
      break;
    case Key::kHome:
      table().move(-kAll);
      break;
    case Key::kEnd:
      table().move(kAll);
      break;
    case Key::kTab:
      if (view != TopView::kProcesses) view = view == TopView::kTypes ? TopView::kOwners : TopView::kTypes;
      break;
    case Key::kEnter:
      return table().selected_row() ? TopAction::kOpen : TopAction::kNone;
    case Key::kEscape:
    case Key::kBackspace:
      if (!waiting.empty()) return TopAction::kCancel;
      if (!table().filter().empty())
        table().set_filter("");
      else if (has_list && view != TopView::kProcesses)
        return TopAction::kBack;
      break;
    case Key::kCharacter:
      return press_letter(key.character);
    default:
      break;
  }
  return TopAction::kNone;
}

TopAction TopState::press_letter(char32_t letter) {
  const bool of_process = view != TopView::kProcesses;
  switch (letter) {
    case 'q':
      return TopAction::kQuit;
    case '/':
      filtering = true;
      return TopAction::kNone;
    case ' ':
      paused = !paused;
      return TopAction::kNone;
    case '<':
      table().sort_by_next(-1);
      return TopAction::kNone;
    case '>':
      table().sort_by_next(1);
      return TopAction::kNone;
    case 'c':
      if (of_process) show_caveats();
      return TopAction::kNone;
    case 's':
      return of_process ? TopAction::kSnapshot : TopAction::kNone;
    case 'r':
      return of_process ? TopAction::kReport : TopAction::kNone;
    case 'o':
      return !of_process && table().selected_row() ? TopAction::kCount : TopAction::kNone;
    case '?':
    case 'h':
      show_help();
      return TopAction::kNone;
    default:
      break;
  }
  const auto columns = table().columns();
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (static_cast<char32_t>(columns[i].key) == letter) table().sort_by(i);
  return TopAction::kNone;
}

TopAction TopState::press_in_text(const Key& key, std::size_t page) {
  const std::size_t step = std::max<std::size_t>(page, 1);
  const std::size_t last = text->lines.empty() ? 0 : text->lines.size() - 1;
  switch (key.kind) {
    case Key::kUp:
      text->first -= std::min<std::size_t>(text->first, 1);
      break;
    case Key::kDown:
      text->first = std::min(text->first + 1, last);
      break;
    case Key::kPageUp:
      text->first -= std::min(text->first, step);
      break;
    case Key::kPageDown:
      text->first = std::min(text->first + step, last);
      break;
    case Key::kHome:
      text->first = 0;
      break;
    case Key::kEnd:
      text->first = last;
      break;
    default:
      if (key.kind == Key::kCharacter && key.character != 'q' && key.character != ' ') break;
      text.reset();
  }
  return TopAction::kNone;
}

void TopState::press_in_filter(const Key& key) {
  constexpr std::size_t kLongest = 200;
  std::string filter = table().filter();
  if (key.kind == Key::kEnter || key.kind == Key::kTab) {
    filtering = false;
  } else if (key.kind == Key::kEscape) {
    filtering = false;
    table().set_filter("");
  } else if (key.kind == Key::kBackspace) {
    while (!filter.empty() && (static_cast<unsigned char>(filter.back()) & 0xc0) == 0x80) filter.pop_back();
    if (!filter.empty()) filter.pop_back();
    table().set_filter(std::move(filter));
  } else if (key.kind == Key::kCharacter && !is_hidden(key.character) && filter.size() < kLongest) {
    append_utf8(filter, key.character);
    table().set_filter(std::move(filter));
  } else if (key.kind == Key::kUp || key.kind == Key::kDown) {
    table().move(key.kind == Key::kUp ? -1 : 1);
  }
}

}  // namespace heapglass
