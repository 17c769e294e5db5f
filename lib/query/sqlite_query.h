// SQL over tables of ours, by SQLite: read-only, in memory, with nothing else in reach.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/query/query_table.h"

namespace heapglass {

struct QueryResult {
  std::vector<std::string> columns;
  std::vector<std::vector<QueryValue>> rows;
  bool cut = false;        // there are more rows than were asked for
  bool timed_out = false;  // and the rows are not all that there are
};

struct QueryLimits {
  std::uint64_t rows = 0;             // 0: all
  std::chrono::milliseconds time{0};  // 0: as long as it takes
  // Called from another thread where the query goes on for a second after it was told to end: within one call
  // of a function, say, SQLite does not look.
  std::function<void()> on_stuck;
};

// One SELECT (or WITH ... SELECT). Throws Error kUsage with SQLite's complaint and the place.
QueryResult run_query(const QuerySchema& schema, const std::string& sql, const QueryLimits& limits);

// Throws that without running anything: by the columns of the tables, whatever their rows. nullopt: it was
// not planned within the time.
std::optional<QueryReads> check_query(const QuerySchema& schema, const std::string& sql,
                                      const QueryLimits& limits);

// What a query may be written with beside names of tables and columns: SQLite's keywords of a SELECT, in
// capitals, and its functions. Sorted.
std::vector<std::string> sql_words();

}  // namespace heapglass
