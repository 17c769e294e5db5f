// What `export` writes, a format each.
#pragma once

#include <ostream>
#include <string>

#include "cmd/session.h"
#include "cmd/table_folder.h"
#include "lib/render/csv.h"
#include "lib/render/output.h"
#include "lib/render/parquet_module.h"

namespace heapglass {

void export_jsonl(const Session& session, std::ostream& out);
// One database with the tables of `query`. Needs a file that can be written anywhere in it.
void export_sqlite(Session& session, const std::string& path, FileMode mode);
// A file for each table, objects.csv and so on.
void export_csv(Session& session, const TableFolder& folder, CsvText text);

// Throws Error kUsage that says what to install where this build has no Parquet. Before the target is looked
// at: afterwards nothing more is loaded.
WriteParquet load_parquet();
void export_parquet(Session& session, const TableFolder& folder, WriteParquet write);

}  // namespace heapglass
