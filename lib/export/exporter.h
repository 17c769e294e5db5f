// The list of export formats: a whole heap, for other programs. To add one: a file with its Exporter, and a
// row in exporter.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/export/table_folder.h"
#include "lib/heap/heap.h"
#include "lib/render/output_options.h"

namespace heapglass {

// What writes a heap in one format. Its constructor runs before the target is opened: what it loads or opens,
// and what it asks of the output options, comes before heapglass gives up its rights. Throws Error.
class Exporter {
 public:
  virtual ~Exporter() = default;
  // Do the names of what it writes depend on the target? Then agree() is called with it, once.
  virtual bool is_named_by_target() const { return false; }
  // Adds to the options what will be written; null where the names do not depend on the target.
  virtual void agree(const Target* target, OutputOptions& options) {
    (void)target;
    (void)options;
  }
  virtual void write(const Heap& heap) = 0;
};

struct ExportRequest {
  const OutputOptions& output;
  std::string service, host;                               // of the partition, where a format has that
  std::string tool;                                        // the version of heapglass
  std::map<std::string, std::string, std::less<>> labels;  // --label NAME=VALUE
  // Of the control group of a process that runs, in bytes; nothing where none is set.
  std::function<std::optional<std::uint64_t>(std::int32_t pid)> memory_limit_of;
};

struct ExportFormat {
  std::string_view name, summary;
  std::string_view
      needs;  // what -o must name where it cannot be the standard output: "a file with -o: heap.db"
  std::unique_ptr<Exporter> (*make)(const ExportRequest& request);
  bool is_folder = false;      // what -o names
  bool wants_account = false;  // residency, sharing and open files beside the heap
  bool takes_many = false;     // several processes may be written to one folder
};

// The first is the default.
std::span<const ExportFormat> export_formats();
// Of --format. Throws Error kUsage that lists them.
const ExportFormat& find_export_format(std::string_view name);

std::unique_ptr<Exporter> jsonl_exporter(const ExportRequest& request);
std::unique_ptr<Exporter> sqlite_exporter(const ExportRequest& request);
std::unique_ptr<Exporter> csv_exporter(const ExportRequest& request);
std::unique_ptr<Exporter> parquet_exporter(const ExportRequest& request);
std::unique_ptr<Exporter> heapsnapshot_exporter(const ExportRequest& request);
std::unique_ptr<Exporter> fleet_exporter(const ExportRequest& request);
std::unique_ptr<Exporter> graphml_exporter(const ExportRequest& request);
std::unique_ptr<Exporter> pprof_exporter(const ExportRequest& request);

}  // namespace heapglass
