// What monitoring is told of a moment: gauges in a file that is replaced whole, for node_exporter's textfile
// collector.
#pragma once

#include <string>
#include <vector>

#include "lib/compare/heap_summary.h"
#include "lib/render/openmetrics.h"
#include "lib/render/output.h"

namespace heapglass {

// --openmetrics, --service and --metrics-top of every command that has them.
struct MetricsOptions {
  std::string file;      // empty: none are written
  std::string service;   // empty: called after the program
  std::size_t top = 20;  // types, and owners; 0: all
};

// Of the last moment; with `first`, also what became more since, and whether a threshold was exceeded.
std::vector<Gauge> gauges_of(const HeapSummary& last, const HeapSummary* first, bool exceeded,
                             const MetricsOptions& options);

// Written beside its place and renamed, readable for all unless --mode asks for something else: the collector
// is another user, and gauges hold no value of the target but the keys that stand in the paths of owners.
FileMode mode_of_metrics(FileMode mode);
void write_metrics(const std::vector<Gauge>& gauges, const MetricsOptions& options, FileMode mode);

}  // namespace heapglass
