// A table as a file of Apache Parquet, version 1 of its pages: https://github.com/apache/parquet-format.
//
// INTEGER is INT64, REAL is DOUBLE, TEXT is a BYTE_ARRAY of valid UTF-8; every column may have NULLs. Texts
// that repeat are kept once for each row group, in a dictionary; pages are compressed by zstd. What is in
// memory at one time is a page of each kind and the indices of one row group, whatever the table has.
#pragma once

#include <iosfwd>

#include "lib/query/query_table.h"

namespace heapglass {

// Throws Error kFile for a single value of more than 1 GB, which a page cannot have, and what `out` throws.
void write_parquet(QueryTable& table, std::ostream& out);

}  // namespace heapglass
