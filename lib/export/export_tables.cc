// The tables of `query` as files.
#include <ctime>
#include <optional>

#include "lib/base/error.h"
#include "lib/export/exporter.h"
#include "lib/query/heap_as_tables.h"
#include "lib/query/sqlite_file.h"
#include "lib/render/output.h"
#include "lib/render/parquet.h"
#include "lib/render/table_csv.h"
#include "lib/render/utf8.h"
#include "lib/report/service_name.h"

namespace heapglass {
namespace {

// One database. Needs a file that can be written anywhere in it.
class SqliteExporter final : public Exporter {
 public:
  explicit SqliteExporter(const OutputOptions& options) : options_(options) {}
  void write(const Heap& heap) override {
    Output output(options_.output, options_.mode);
    if (!output.is_file())
      throw Error(ErrorKind::kUsage, "a database cannot be written to " + output.name(),
                  "name a file with -o");
    const HeapAsTables tables(heap);
    save_as_sqlite(tables.all(), output.descriptor(), output.name(), valid_utf8);
    output.commit();
  }

 private:
  const OutputOptions& options_;
};

// A file for each table, objects.csv and so on.
class CsvExporter final : public Exporter {
 public:
  explicit CsvExporter(const OutputOptions& options)
      : folder_(TableFolder::of_csv(options.output, options.mode)),
        text_(options.csv_raw ? CsvText::kRaw : CsvText::kSafe) {}
  void agree(const Target*, OutputOptions& options) override { folder_.agree(options); }
  void write(const Heap& heap) override {
    folder_.make();
    const HeapAsTables tables(heap);
    for (QueryTable* const table : tables.all())
      folder_.add(table->name(), [&](std::ostream& out) { write_table_csv(*table, text_, out); });
    folder_.commit();
  }

 private:
  TableFolder folder_;
  const CsvText text_;
};

// Of the moment that is shown, UTC: 20261121T134507Z.
std::string time_of(const Target& target) {
  const std::time_t time = target.snapshot_time().value_or(std::time(nullptr));
  std::tm parts{};
  char text[32] = {};
  if (gmtime_r(&time, &parts)) std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

// FOLDER/service=.../host=.../time=.../objects.parquet and so on.
class ParquetExporter final : public Exporter {
 public:
  explicit ParquetExporter(const ExportRequest& request)
      : options_(request.output), place_{request.service, request.host, ""} {}
  bool is_named_by_target() const override { return true; }
  void agree(const Target* target, OutputOptions& options) override {
    if (folder_) return;  // a process that became another program is opened again
    if (place_.service.empty()) place_.service = service_of(target->command_line());
    if (place_.host.empty()) place_.host = host_of(*target);
    place_.time = time_of(*target);
    folder_ = TableFolder::of_parquet(options_.output, place_, options_.mode);
    folder_->agree(options);
  }
  void write(const Heap& heap) override {
    folder_->make();
    const HeapAsTables tables(heap);
    for (QueryTable* const table : tables.all())
      folder_->add(table->name(), [&](std::ostream& out) { write_parquet(*table, out); });
    folder_->commit();
  }

 private:
  const OutputOptions& options_;
  HeapPlace place_;
  std::optional<TableFolder> folder_;
};

}  // namespace

std::unique_ptr<Exporter> sqlite_exporter(const ExportRequest& request) {
  return std::make_unique<SqliteExporter>(request.output);
}

std::unique_ptr<Exporter> csv_exporter(const ExportRequest& request) {
  return std::make_unique<CsvExporter>(request.output);
}

std::unique_ptr<Exporter> parquet_exporter(const ExportRequest& request) {
  return std::make_unique<ParquetExporter>(request);
}

}  // namespace heapglass
