// SQL over tables of ours, by SQLite: read-only, in memory, with nothing else in reach.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lib/query/query_table.h"

namespace heapglass {

struct QueryResult {
  std::vector<std::string> columns;
  std::vector<std::vector<QueryValue>> rows;
  bool cut = false;  // there are more rows than were asked for
};

// One SELECT (or WITH ... SELECT). `most` rows, 0: all. Throws Error kUsage with SQLite's complaint and the
// place.
QueryResult run_query(std::span<QueryTable* const> tables, const std::string& sql, std::uint64_t most);

}  // namespace heapglass
