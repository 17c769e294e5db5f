// heapglass query: SQL over the heap.
#include <unistd.h>

#include <chrono>
#include <iostream>

#include "cmd/heap_as_tables.h"
#include "lib/base/error.h"
#include "lib/query/sqlite_query.h"
#include "lib/render/unfinished.h"

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

Table schema(const std::vector<QueryTable*>& tables) {
  Table out{.key = "columns",
            .columns = {{"table", "table", Kind::kText},
                        {"column", "column", Kind::kText},
                        {"type", "type", Kind::kText},
                        {"what", "what it is", Kind::kSentence},
                        {"rows", "rows", Kind::kCount}}};
  for (QueryTable* const table : tables)
    for (const QueryColumn& c : table->columns())
      out.rows.push_back({std::string(table->name()), std::string(c.name), std::string(c.type),
                          std::string(c.what), table->rows()});
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

void tell_timed_out(const std::string& seconds) {
  std::cerr << "heapglass: the query did not end within " << seconds
            << " s (give it longer with --timeout, or narrow it with WHERE and LIMIT)" << std::endl;
}

}  // namespace

int run_query_command(const std::vector<std::string>& arguments) {
  CommandLine line("query", "SQL over the heap: objects, refs, types, roots, threads, frames, arenas");
  std::string sql, limit = "1000", timeout;
  bool tables_only = false;
  line.takes_also("sql", &sql);
  auto add = line.own().add_options();
  add("tables", options::bool_switch(&tables_only), "print the tables and their columns");
  add("limit,n", options::value(&limit)->value_name("N"), "print at most N rows (default 1000), 0: all");
  add("timeout", options::value(&timeout)->value_name("SECONDS"),
      "end a query that takes longer, with exit code 1 and no rows (default: no limit)");
  if (!line.parse(arguments)) return kExitDone;
  const auto most = static_cast<std::uint64_t>(parse_count("--limit", limit, 0, 1'000'000'000'000));
  const auto seconds = timeout.empty() ? 0 : parse_count("--timeout", timeout, 1, 1'000'000);
  if (sql.empty() && !tables_only)
    throw Error(
        ErrorKind::kUsage, "query needs a SELECT behind the target",
        "as in heapglass query 4711 'SELECT type, count(*) FROM objects GROUP BY type'; --tables shows "
        "what there is");
  const auto session = Session::open(line.common(), {});
  HeapAsTables heap(*session);
  Document document;
  if (tables_only) {
    document.sections.push_back(schema(heap.all()));
    session->write(std::move(document), line.common());
    return kExitDone;
  }
  const auto end_stuck = [&] {
    tell_timed_out(timeout);
    remove_unfinished_files();
    _exit(kExitExceeded);
  };
  const QueryResult result = run_query(
      heap.all(), sql, {.rows = most, .time = std::chrono::seconds(seconds), .on_stuck = end_stuck});
  if (result.timed_out) {
    tell_timed_out(timeout);
    return kExitExceeded;
  }
  document.sections.push_back(rows_table(result));
  session->write(std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
