// What writes Parquet is a module of its own, loaded by who asks for that: Apache Arrow, which it needs, is
// large, and not everywhere.
#pragma once

#include <iosfwd>
#include <string>

#include "lib/query/query_table.h"

namespace heapglass {

constexpr const char* kParquetModule = "heapglass_parquet.so";
constexpr const char* kParquetFunction = "heapglass_write_parquet";

// Returns why it could not, empty where it could; throws what `out` throws.
using WriteParquet = std::string (*)(QueryTable& table, std::ostream& out);

}  // namespace heapglass
