// What top shows, and what its keys change: plain values, without terminal, target and clock.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heapglass {

struct Key {
  enum Kind : std::uint8_t {
    kNone,
    kCharacter,
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kEnter,
    kEscape,
    kBackspace,
    kTab,
    kResize,
    kClosed,  // the terminal is gone
  };
  Kind kind = kNone;
  char32_t character = 0;  // of kCharacter
};

enum class TopView : std::uint8_t { kProcesses, kTypes, kOwners };
constexpr std::size_t kTopViews = 3;

// A column of numbers. The last one of each view is the name, which has no number.
struct TopColumn {
  enum Measure : std::uint8_t { kPlain, kCount, kBytes, kBytesDelta, kText };
  char key;  // sorts by it
  std::string_view heading;
  std::size_t width;
  Measure measure;
  int importance;  // what has less is left out first where the screen is narrow
  bool ascending = false;
};
std::span<const TopColumn> columns_of(TopView view);

struct TopRow {
  std::string id;                             // what a selection stays on: a type, an owner, a process id
  std::string name;                           // the last column
  std::vector<std::optional<double>> values;  // by column but the last; unknown: "-"
  std::string state;                          // of a process: the text of its column "state"
};

// A table with what the user did to it.
class TopTable {
 public:
  explicit TopTable(TopView view);

  void set_rows(std::vector<TopRow> rows);
  // Again sorted by it: the other way round.
  void sort_by(std::size_t column);
  void sort_by_next(int step);
  void set_filter(std::string filter);
  void move(long long rows);

  std::span<const TopColumn> columns() const { return columns_of(view_); }
  std::size_t sorted_by() const { return sort_; }
  bool descending() const { return descending_; }
  const std::string& filter() const { return filter_; }
  // In order, those alone that the filter lets through.
  std::size_t size() const { return order_.size(); }
  std::size_t all_rows() const { return rows_.size(); }
  const TopRow& row(std::size_t at) const { return rows_[order_[at]]; }
  std::size_t selected() const { return selected_; }
  const TopRow* selected_row() const { return order_.empty() ? nullptr : &row(selected_); }
  // The first row on the screen, so that the selected one is among `lines`.
  std::size_t first_shown(std::size_t lines) const;

 private:
  void arrange();
  bool passes(const TopRow& row) const;
  TopView view_;
  std::vector<TopRow> rows_;
  std::vector<std::size_t> order_;
  std::size_t sort_ = 0, selected_ = 0;
  bool descending_ = true;
  std::string filter_, selected_id_;
  mutable std::size_t first_shown_ = 0;
};

// A part of the memory accounting.
struct TopPart {
  std::string name;
  std::uint64_t bytes = 0;
};

struct TopTarget {
  std::int32_t pid = 0;
  std::string command, python, state;
  std::uint64_t rss = 0, peak = 0;
  std::vector<double> rss_history;  // one a second, the newest last
  std::uint64_t samples = 0, objects = 0, bytes = 0;
  double growth = 0;  // of RSS, bytes a second over the history
  double pause_ms = 0, longest_pause_ms = 0;
  std::string freeze;
  double share = 0;  // of one processor, that heapglass takes
  double every = 0;  // seconds between two samples, as it is
  double age = 0;    // seconds since the last sample
  std::vector<TopPart> parts;
  double parts_age = 0;  // seconds since they were computed
  std::string why_no_parts;
  std::vector<std::string> caveats;
};

// A text over the screen: holders and paths, help, caveats.
struct TopText {
  std::string title;
  std::vector<std::string> lines;
  std::size_t first = 0;
};

enum class TopAction : std::uint8_t {
  kNone,
  kQuit,
  kOpen,      // the selected row: a process, or the holders and paths of a type or owner
  kBack,      // from a process to the list of processes, where there is one
  kCancel,    // what is being computed is not wanted any more
  kSnapshot,  // of the target
  kReport,
  kCount,  // the objects of the selected process
};

struct TopState {
  TopView view = TopView::kTypes;
  std::array<TopTable, kTopViews> tables{TopTable(TopView::kProcesses), TopTable(TopView::kTypes),
                                         TopTable(TopView::kOwners)};
  TopTarget target;
  bool paused = false;     // no samples are taken
  bool filtering = false;  // letters go to the filter
  bool has_list = false;   // there is a list of processes to go back to
  std::optional<TopText> text;
  std::string waiting;  // what is being computed; empty: nothing is
  std::string notice;   // the last thing that the user should see

  TopTable& table() { return tables[static_cast<std::size_t>(view)]; }
  const TopTable& table() const { return tables[static_cast<std::size_t>(view)]; }

  // `page`: rows on the screen.
  TopAction press(const Key& key, std::size_t page);

 private:
  TopAction press_in_text(const Key& key, std::size_t page);
  void press_in_filter(const Key& key);
  TopAction press_letter(char32_t letter);
  void show_help();
  void show_caveats();
};

}  // namespace heapglass
