#include "lib/report/query_report.h"

namespace heapglass {
namespace {

Cell cell_of(const QueryValue& value) {
  struct Give {
    Cell operator()(std::monostate) const { return {}; }
    Cell operator()(std::int64_t n) const { return n; }
    Cell operator()(double n) const { return n; }
    Cell operator()(const std::string& s) const { return s; }
    Cell operator()(std::string_view s) const { return std::string(s); }
  };
  return std::visit(Give{}, value);
}

}  // namespace

Table tables_table(const QuerySchema& schema) {
  Table out{.key = "columns",
            .columns = {{"table", "table", Kind::kText},
                        {"column", "column", Kind::kText},
                        {"type", "type", Kind::kText},
                        {"what", "what it is", Kind::kSentence},
                        {"rows", "rows", Kind::kCount}}};
  for (QueryTable* const table : schema.tables)
    for (const QueryColumn& c : table->columns())
      out.rows.push_back({std::string(table->name()), std::string(c.name), std::string(c.type),
                          std::string(c.what), table->rows()});
  for (const QueryFunction& f : schema.functions) out.notes.emplace_back(f.what);
  return out;
}

Table rows_table(const QueryResult& result) {
  Table table{.key = "rows"};
  for (const std::string& name : result.columns) table.columns.push_back({name, name, Kind::kPlainNumber});
  for (std::size_t i = 0; i < result.columns.size(); ++i)
    for (const auto& row : result.rows)
      if (std::holds_alternative<std::string>(row[i])) table.columns[i].kind = Kind::kText;
  for (const auto& row : result.rows) {
    Row cells;
    for (const QueryValue& value : row) cells.push_back(cell_of(value));
    table.rows.push_back(std::move(cells));
  }
  if (result.cut) table.notes.push_back("there are more rows: --limit 0 shows all");
  return table;
}

}  // namespace heapglass
