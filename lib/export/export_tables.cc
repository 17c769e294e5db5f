// The tables of `query` as files.
#include <dlfcn.h>

#include <filesystem>

#include "lib/base/error.h"
#include "lib/export/export_formats.h"
#include "lib/query/heap_as_tables.h"
#include "lib/query/sqlite_file.h"
#include "lib/render/output.h"
#include "lib/render/table_csv.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

}  // namespace

void export_sqlite(const Heap& heap, const std::string& path, FileMode mode) {
  Output output(path, mode);
  if (!output.is_file())
    throw Error(ErrorKind::kUsage, "a database cannot be written to " + output.name(), "name a file with -o");
  const HeapAsTables tables(heap);
  save_as_sqlite(tables.all(), output.descriptor(), output.name(), valid_utf8);
  output.commit();
}

void export_csv(const Heap& heap, const TableFolder& folder, CsvText text) {
  folder.make();
  const HeapAsTables tables(heap);
  for (QueryTable* const table : tables.all())
    folder.add(table->name(), [&](std::ostream& out) { write_table_csv(*table, text, out); });
  folder.commit();
}

WriteParquet load_parquet() {
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path();
  std::string why;
  for (const fs::path& place : {beside, beside.parent_path() / HEAPGLASS_MODULES}) {
    void* const module = dlopen((place / kParquetModule).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (void* const function = module ? dlsym(module, kParquetFunction) : nullptr)
      return reinterpret_cast<WriteParquet>(function);
    if (fs::exists(place / kParquetModule)) why = std::string(": ") + dlerror();
  }
  if (!why.empty()) throw Error(ErrorKind::kUsage, "what writes Parquet cannot be loaded" + why);
  throw Error(
      ErrorKind::kUsage, "this heapglass was built without Parquet",
      "install Apache Arrow for C++ (libparquet-dev of Apache's packages, or scripts/setup --parquet) and "
      "build it again");
}

void export_parquet(const Heap& heap, const TableFolder& folder, WriteParquet write) {
  folder.make();
  const HeapAsTables tables(heap);
  for (QueryTable* const table : tables.all())
    folder.add(table->name(), [&](std::ostream& out) {
      if (const std::string why = write(*table, out); !why.empty())
        throw Error(ErrorKind::kFile, "cannot write " + std::string(table->name()) + ".parquet: " + why);
    });
  folder.commit();
}

}  // namespace heapglass
