#include "lib/render/table_csv.h"

#include "lib/render/json.h"

namespace heapglass {
namespace {

struct FieldOf {
  CsvText how;
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(std::int64_t n) const { return std::to_string(n); }
  std::string operator()(double n) const { return json_value(n); }
  std::string operator()(std::string_view s) const { return csv_field(s, how); }
};

}  // namespace

void write_table_csv(QueryTable& table, CsvText how, std::ostream& out) {
  const std::vector<QueryColumn> columns = table.columns();
  for (std::size_t i = 0; i < columns.size(); ++i) out << (i ? "," : "") << columns[i].name;
  out << "\r\n";
  std::string line;
  for (std::uint64_t row = 0, rows = table.rows(); row < rows; ++row) {
    line.clear();
    for (std::size_t i = 0; i < columns.size(); ++i)
      (i ? line += ',' : line) += std::visit(FieldOf{how}, table.value(row, static_cast<int>(i)));
    out << line << "\r\n";
  }
}

}  // namespace heapglass
