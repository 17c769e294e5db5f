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
#include "lib/report/query_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {
namespace {

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
  const auto end_stuck = [&] {
    tell_timed_out(seconds);
    remove_unfinished_files();
    _exit(kExitExceeded);
  };
  const QueryLimits limits{.rows = most, .time = std::chrono::seconds(seconds), .on_stuck = end_stuck};
  HeapNeeds needs{.references = tables_only};
  if (!tables_only) {
    // Before the target is stopped.
    const auto reads = check_query(NoHeapAsTables().schema(), sql, limits);
    if (!reads) {
      tell_timed_out(seconds);
      return kExitExceeded;
    }
    needs.references = needs_references(*reads);
  }
  const auto heap = open_heap(line.common(), needs);
  const HeapAsTables tables(*heap);
  Document document;
  if (tables_only) {
    document.sections.push_back(tables_table(tables.schema()));
    write_answer(*heap, std::move(document), line.common());
    return kExitDone;
  }
  const QueryResult result = run_query(tables.schema(), sql, limits);
  if (result.timed_out) {
    tell_timed_out(seconds);
    return kExitExceeded;
  }
  document.sections.push_back(rows_table(result));
  write_answer(*heap, std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
