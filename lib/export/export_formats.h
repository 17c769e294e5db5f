// What `export` writes, a format each.
#pragma once

#include <ostream>
#include <string>

#include "lib/export/table_folder.h"
#include "lib/heap/heap.h"
#include "lib/render/csv.h"
#include "lib/render/output.h"
#include "lib/render/parquet_module.h"

namespace heapglass {

void export_jsonl(const Heap& heap, std::ostream& out);
// One database with the tables of `query`. Needs a file that can be written anywhere in it.
void export_sqlite(const Heap& heap, const std::string& path, FileMode mode);
// A file for each table, objects.csv and so on.
void export_csv(const Heap& heap, const TableFolder& folder, CsvText text);

// Throws Error kUsage that says what to install where this build has no Parquet. Before the target is looked
// at: afterwards nothing more is loaded.
WriteParquet load_parquet();
void export_parquet(const Heap& heap, const TableFolder& folder, WriteParquet write);

}  // namespace heapglass
