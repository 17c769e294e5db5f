// Gauges as text for Prometheus, in a form that is OpenMetrics and the older text format at once: what
// node_exporter's textfile collector reads, and what scrapes read.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace heapglass {

struct Gauge {
  std::string name, help;  // the name ends in its unit: heapglass_type_bytes
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;  // values may be anything
    double value = 0;
  };
  std::vector<Sample> samples;  // no two with the same labels
};

// Gauges without a sample are left out.
std::string openmetrics(const std::vector<Gauge>& gauges);

}  // namespace heapglass
