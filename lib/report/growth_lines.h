// How types and owners grew over captures, a line each, and the capture from which on it was otherwise.
#pragma once

#include <string>
#include <vector>

#include "lib/compare/change_point.h"
#include "lib/compare/heap_summary.h"
#include "lib/render/report.h"

namespace heapglass {

// The times of the captures in seconds, as find_change() takes them; where two are of one second, their
// numbers.
struct CaptureTimes {
  std::vector<double> times;
  bool are_seconds = false;
};
CaptureTimes capture_times(const std::vector<HeapSummary>& summaries);

// "step", "rate", "none" or "unsure"; stable, in JSON.
std::string name_of(ChangePoint::Kind kind);

// "captures": [{"target", "time", ...}], then "total", "types" and "owners", each of them [{"name", "bytes":
// [one a capture], "objects", "change": {"kind", "capture", "before", "after", "step"}}], in which `before`
// and `after` are bytes per "rates_per", "second" or "capture". The summaries have owners.
Document growth_document(const std::vector<HeapSummary>& summaries);

}  // namespace heapglass
