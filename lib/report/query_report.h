// What query answers: rows of SQL, and the tables that can be asked.
#pragma once

#include <vector>

#include "lib/query/query_table.h"
#include "lib/query/sqlite_query.h"
#include "lib/render/report.h"

namespace heapglass {

Table rows_table(const QueryResult& result);
// A row for each column of each table.
Table tables_table(const QuerySchema& schema);

}  // namespace heapglass
