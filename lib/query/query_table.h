// A table that SQL can ask: rows by number, columns on demand. Nothing is copied before it is asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace heapglass {

// std::monostate: NULL. A string_view is text that stays for as long as the table does.
using QueryValue = std::variant<std::monostate, std::int64_t, double, std::string, std::string_view>;
// What is looked up, by the column's type.
using QueryKey = std::variant<std::int64_t, std::string_view>;

struct QueryColumn {
  std::string_view name;
  std::string_view type;         // INTEGER, REAL, TEXT
  std::string_view what;         // for people
  bool from_references = false;  // computed from the references between objects, which have to be there
};

// Rows in the order that they are given in.
class QueryRows {
 public:
  QueryRows() = default;  // none
  static QueryRows range(std::uint64_t first, std::uint64_t end) {
    QueryRows out;
    out.rows_ = Range{first, end};
    return out;
  }
  static QueryRows these(std::vector<std::uint64_t> rows) {
    QueryRows out;
    out.rows_ = std::move(rows);
    return out;
  }
  // A list that stays for as long as the table does.
  static QueryRows listed(std::span<const std::uint32_t> rows) {
    QueryRows out;
    out.rows_ = rows;
    return out;
  }

  std::uint64_t size() const {
    if (const auto* range = std::get_if<Range>(&rows_)) return range->end - range->first;
    if (const auto* list = std::get_if<List>(&rows_)) return list->size();
    return std::get<std::vector<std::uint64_t>>(rows_).size();
  }
  std::uint64_t operator[](std::uint64_t i) const {
    if (const auto* range = std::get_if<Range>(&rows_)) return range->first + i;
    if (const auto* list = std::get_if<List>(&rows_)) return (*list)[i];
    return std::get<std::vector<std::uint64_t>>(rows_)[i];
  }

 private:
  struct Range {
    std::uint64_t first, end;
  };
  using List = std::span<const std::uint32_t>;
  std::variant<Range, List, std::vector<std::uint64_t>> rows_;
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
  // Whether in_order() is quicker than sorting the rows.
  virtual bool has_order(int) const { return false; }
  // All rows by the values of this column, ascending, texts byte by byte.
  virtual QueryRows in_order(int column);
};

// What SQL can call with one argument, beside SQLite's own functions.
struct QueryFunction {
  std::string_view name;
  std::string_view what;  // for people
  std::function<QueryValue(const QueryValue&)> call;
};

// What SQL can name. The tables are borrowed.
struct QuerySchema {
  std::vector<QueryTable*> tables;
  std::vector<QueryFunction> functions;
};

// What of a schema a query may look at.
struct QueryReads {
  std::set<std::pair<std::string, std::string>> columns;  // table and column, as the schema has them
  std::set<std::string> functions;
};

// The columns of a table without its rows, to prepare queries with.
class EmptyTable final : public QueryTable {
 public:
  EmptyTable(std::string_view name, std::vector<QueryColumn> columns)
      : name_(name), columns_(std::move(columns)) {}
  std::string_view name() const override { return name_; }
  std::vector<QueryColumn> columns() const override { return columns_; }
  std::uint64_t rows() override { return 0; }
  QueryValue value(std::uint64_t, int) override { return {}; }

 private:
  const std::string_view name_;
  const std::vector<QueryColumn> columns_;
};

}  // namespace heapglass
