#include "lib/tracemalloc/allocation_sites.h"

#include <algorithm>

#include "lib/python/types.h"

namespace heapglass {

AllocationSites::AllocationSites(const Heap& heap)
    : graph_(heap.graph()), traced_(read_tracemalloc(heap.objects())) {
  auto& traces = traced_.snapshot.traces;
  std::erase_if(traces, [](const Trace& t) { return t.domain != 0; });
  std::sort(traces.begin(), traces.end(), [](const Trace& a, const Trace& b) { return a.block < b.block; });
}

std::string AllocationSites::why_none() const {
  if (!traced_.tracing) return "no object's site is known: tracemalloc is not tracing there";
  if (!traced_.tables_found) return "no object's site is known: tracemalloc's tables were not found";
  return {};
}

const Trace* AllocationSites::find(NodeId node) const {
  const TypeInfo* const type = graph_.types[graph_.type[index(node)]].info;
  if (!type) return nullptr;
  const Address block = graph_.index->address(node) - type->pre_header_size;
  const auto& traces = traced_.snapshot.traces;
  const auto at = std::lower_bound(traces.begin(), traces.end(), block,
                                   [](const Trace& t, Address a) { return t.block < a; });
  return at != traces.end() && at->block == block ? &*at : nullptr;
}

std::vector<std::string> AllocationSites::lines_of(NodeId node) const {
  std::vector<std::string> lines;
  const Trace* const trace = find(node);
  if (!trace) return lines;
  const TraceSnapshot& s = traced_.snapshot;
  for (std::uint32_t i = 0; i < s.tracebacks[trace->traceback].count; ++i)
    lines.push_back(s.files[s.frame(*trace, i).file] + ":" + std::to_string(s.frame(*trace, i).line));
  return lines;
}

std::string AllocationSites::line_of(NodeId node) const {
  const auto lines = lines_of(node);
  return lines.empty() ? std::string() : lines.front();
}

}  // namespace heapglass
