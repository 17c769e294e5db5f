// heapglass query: SQL over the heap.
#include <unistd.h>

#include <chrono>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/open/open_heap.h"
#include "lib/query/heap_as_tables.h"
#include "lib/query/sqlite_query.h"
#include "lib/render/unfinished.h"
#include "lib/report/write_answer.h"

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

void tell_timed_out(long long seconds) {
  std::cerr << "heapglass: the query did not end within " << seconds
            << " s (give it longer with --timeout, or narrow it with WHERE and LIMIT)\n";
}

}  // namespace

int run_query_command(const std::vector<std::string>& arguments) {
  CommandLine line("query", "SQL over the heap: objects, refs, types, roots, threads, frames, arenas");
  std::string sql;
  std::uint64_t most = 1000;
  long long seconds = 0;
  bool tables_only = false;
  line.takes_also("sql", &sql);
  line.flag("tables", &tables_only, "print the tables and their columns");
  line.count("limit,n", &most, 0, 1'000'000'000'000, "print at most N rows (default 1000), 0: all");
  line.count("timeout", &seconds, 1, 1'000'000,
             "end a query that takes longer, with exit code 1 and no rows (default: no limit)", "SECONDS");
  if (!line.parse(arguments)) return kExitDone;
  if (sql.empty() && !tables_only)
    throw Error(
        ErrorKind::kUsage, "query needs a SELECT behind the target",
        "as in heapglass query 4711 'SELECT type, count(*) FROM objects GROUP BY type'; --tables shows "
        "what there is");
  const auto heap = open_heap(line.common(), {});
  const HeapAsTables tables(*heap);
  Document document;
  if (tables_only) {
    document.sections.push_back(schema(tables.all()));
    write_answer(*heap, std::move(document), line.common());
    return kExitDone;
  }
  const auto end_stuck = [&] {
    tell_timed_out(seconds);
    remove_unfinished_files();
    _exit(kExitExceeded);
  };
  const QueryResult result = run_query(
      tables.all(), sql, {.rows = most, .time = std::chrono::seconds(seconds), .on_stuck = end_stuck});
  if (result.timed_out) {
    tell_timed_out(seconds);
    return kExitExceeded;
  }
  document.sections.push_back(rows_table(result));
  write_answer(*heap, std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
