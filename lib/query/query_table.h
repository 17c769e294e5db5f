// A table that SQL can ask: rows by number, columns on demand. Nothing is copied before it is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace heapglass {

// std::monostate: NULL. A string_view is text that stays for as long as the table does.
using QueryValue = std::variant<std::monostate, std::int64_t, double, std::string, std::string_view>;
// What is looked up, by the column's type.
using QueryKey = std::variant<std::int64_t, std::string_view>;

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
  virtual std::uint64_t rows() = 0;
  virtual QueryValue value(std::uint64_t row, int column) = 0;
  // How many rows a look-up by the value of this column about gives; 0: they are not found without going
  // through all.
  virtual std::uint64_t rows_found_by(int) const { return 0; }
  // All rows that have it, and perhaps others.
  virtual QueryRows find(int column, const QueryKey& wanted);
};

}  // namespace heapglass
