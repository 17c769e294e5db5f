// What a command hands to a format: plain values that know nothing of text, JSON or Graphviz.
// Everything in them may come from the target: formats escape it, commands need not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/address.h"
#include "lib/base/caveat.h"

namespace heapglass {

struct Cell;
struct Field;
struct Table;

using List = std::vector<Cell>;     // [1, 2]
using Record = std::vector<Field>;  // {"objects": 1, "bytes": 2}
using Tables = std::vector<Table>;  // exactly one: a table in a cell; its rows stand as [{...}, ...]

// One value. std::monostate is "unknown": null for programs, "-" for people.
using CellValue = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, Address,
                               std::string, List, Record, Tables>;
struct Cell : CellValue {
  using CellValue::CellValue;
  // Defined below, where what a cell may hold is complete.
  Cell();
  Cell(int number);
  Cell(unsigned number);
  Cell(long long number);
  Cell(unsigned long long number);
  Cell(const char* text);
  Cell(const Cell&);
  Cell(Cell&&) noexcept;
  Cell& operator=(const Cell&);
  Cell& operator=(Cell&&) noexcept;
  ~Cell();
};

// How people see a value. Programs get the plain value: an integer, a number, decimal for an address.
enum class Kind {
  kText,          // cut in the middle when the terminal is narrow
  kSentence,      // wrapped, never cut
  kCount,         // 12,345,678
  kBytes,         // 12.3 MB
  kCountDelta,    // +12,345
  kBytesDelta,    // +12.3 MB
  kPercent,       // the value is a ratio: 0.123 is 12.3 %
  kMilliseconds,  // 0.7 ms, 1.25 s
  kAddress,       // 0x7f31c0de
  kPlainNumber,   // a pid, a line: 12345678
};

enum class Audience {
  kAll,
  kPrograms,  // json and csv only
  kPeople,    // text only
};

struct Column {
  std::string key;    // in JSON and CSV: stable, scripts lean on it
  std::string title;  // for people; empty: the key
  Kind kind = Kind::kText;
  Audience audience = Audience::kAll;
  int spare = 0;  // on a terminal that is too narrow the columns with the highest numbers are left out, never
                  // those with 0
};

struct Field {
  Column column;
  Cell value;
};

using Row = std::vector<Cell>;  // one for each column

struct Table {
  enum class Layout {
    kColumns,  // a line a row
    kBlocks,   // a block a row, a line a cell: for few rows with long cells
  };
  std::string key;  // of the rows in JSON: "types"
  std::string title;
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::optional<Row> totals;  // for people; programs get them as a field of the document
  std::vector<std::string> notes;
  Layout layout = Layout::kColumns;
};

inline Cell::Cell() = default;
inline Cell::Cell(int number) : CellValue(std::int64_t{number}) {}
inline Cell::Cell(unsigned number) : CellValue(std::uint64_t{number}) {}
inline Cell::Cell(long long number) : CellValue(static_cast<std::int64_t>(number)) {}
inline Cell::Cell(unsigned long long number) : CellValue(static_cast<std::uint64_t>(number)) {}
inline Cell::Cell(const char* text) : CellValue(std::string(text)) {}
inline Cell::Cell(const Cell&) = default;
inline Cell::Cell(Cell&&) noexcept = default;
inline Cell& Cell::operator=(const Cell&) = default;
inline Cell& Cell::operator=(Cell&&) noexcept = default;
inline Cell::~Cell() = default;

struct PictureNode {
  enum class Kind { kObject, kModule, kClass, kFrame, kRoot };  // kRoot: holds objects without being one
  Address address{};                                            // null for a root that is no object
  Kind kind = Kind::kObject;
  std::vector<std::string> lines;  // type name; then structural repr; then figures, drawn small
  int depth = 0;                   // edges from the nearest start
  std::uint64_t more = 0;          // neighbours that are not drawn: the format says "N more"
  bool start = false;
  bool highlight = false;
  bool untracked = false;  // by the cyclic collector
  bool immortal = false;
  bool has_del = false;  // its class has a __del__
};

struct PictureEdge {
  enum class Kind { kStrong, kWeak, kGuess };  // kGuess: found by scanning the bytes of the holder
  std::uint32_t from = 0;                      // the holder, an index into nodes
  std::uint32_t to = 0;                        // the held
  std::string label;
  Kind kind = Kind::kStrong;
  int weight = 0;  // how much the layout wants it short and straight; 0: not said
};

// A part of the object graph, to be drawn.
struct Picture {
  enum class Direction { kReferrers, kReferents };  // what was followed from the starts
  std::string title;
  Direction direction = Direction::kReferrers;
  int max_depth = 3;
  std::vector<PictureNode> nodes;  // breadth first, starts first
  std::vector<PictureEdge> edges;  // in the order found
  std::vector<std::string> notes;
};

// Weights by stack, for flame graphs.
struct ProfileSample {
  std::vector<std::uint32_t> stack;  // indices of frames, the outermost first
  std::uint64_t weight = 0;          // in the profile's unit
  std::uint64_t count = 0;           // objects
};
struct Profile {
  std::string name;
  std::string unit;  // of speedscope and pprof: "bytes"
  std::vector<std::string> frames;
  std::vector<ProfileSample> samples;
};

using Section = std::variant<Table, Picture, Profile>;

// What a command answers. In JSON one object: "about", the fields, then every table's rows under the table's
// key and a picture as "graph": {"nodes", "edges"}, then "notes" and "caveats".
struct Document {
  Record about;  // for JSON: of which process and moment, and by what
  std::vector<Field> fields;
  std::vector<Section> sections;
  std::vector<std::string> notes;
  std::vector<Caveat> caveats;  // for programs; their texts are among the notes

  void add(const Caveat& caveat) {
    notes.push_back(caveat.text);
    caveats.push_back(caveat);
  }
};

}  // namespace heapglass
