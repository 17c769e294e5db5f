// A table of the heap as CSV, row by row: like `query` gives it with --format csv.
#pragma once

#include <ostream>

#include "lib/query/query_table.h"
#include "lib/render/csv.h"

namespace heapglass {

void write_table_csv(QueryTable& table, CsvText how, std::ostream& out);

}  // namespace heapglass
