// A table that SQL can ask: rows by number, columns on demand. Nothing is copied before it is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace heapglass {

// std::monostate: NULL.
using QueryValue = std::variant<std::monostate, std::int64_t, double, std::string>;

struct QueryColumn {
  std::string_view name;
  std::string_view type;  // INTEGER, REAL, TEXT
  std::string_view what;  // for people
};

// The rows that a look-up gives: a range, or some.
struct QueryRows {
  std::uint64_t first = 0, last = 0;  // [first, last)
  std::vector<std::uint64_t> some;
  bool is_range = true;
};

class QueryTable {
 public:
  virtual ~QueryTable() = default;
  virtual std::string_view name() const = 0;
  virtual std::vector<QueryColumn> columns() const = 0;
  virtual std::uint64_t rows() const = 0;
  virtual QueryValue value(std::uint64_t row, int column) = 0;
  // Whether rows by the value of this column are found without going through all.
  virtual bool can_find(int) const { return false; }
  virtual QueryRows find(int column, std::int64_t wanted);
};

}  // namespace heapglass
