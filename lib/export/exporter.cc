#include "lib/export/exporter.h"

#include <vector>

#include "lib/base/choices.h"

namespace heapglass {
namespace {

constexpr ExportFormat kExportFormats[] = {
    {"jsonl", "one JSON object per line", "", jsonl_exporter},
    {"sqlite", "a database with the tables of query", "give a file with -o: heap.db", sqlite_exporter},
    {"csv", "a folder with a file for each table", "give a folder with -o: its tables are files there",
     csv_exporter, true},
    {"parquet", "a partitioned data set", "give a folder with -o: its tables are files there",
     parquet_exporter, true},
    {"fleet", "one small file of types, owners and suspects, for thousands of captures",
     "give a folder with -o: its captures are files there", fleet_exporter, true, true, true},
    {"heapsnapshot", "what Chrome's DevTools load", "", heapsnapshot_exporter},
    {"graphml", "a graph for Gephi, yEd and networkx", "", graphml_exporter},
    {"pprof", "a profile by owner, type and allocation site", "give a file with -o: heap.pb.gz",
     pprof_exporter},
};

}  // namespace

std::span<const ExportFormat> export_formats() { return kExportFormats; }

const ExportFormat& find_export_format(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ExportFormat& format : kExportFormats) names.push_back(format.name);
  return kExportFormats[parse_choice("--format", name, std::span<const std::string_view>(names))];
}

}  // namespace heapglass
