#include "lib/report/growth_style.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "lib/heap/objgraph_labels.h"
#include "lib/python/text_repr.h"
#include "lib/render/utf8.h"

namespace heapglass {

void GrowthStyle::take(const Heap& heap, std::ostream& out) {
  std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t>> grown;
  for (const auto& [name, count] : objgraph_common_types(heap.types(), heap.interpreters(), long_names_, 0)) {
    std::uint64_t& peak = peaks_[name];
    if (count <= peak) continue;
    grown.emplace_back(printable(name), count, count - peak);
    peak = count;
  }
  std::stable_sort(grown.begin(), grown.end(),
                   [](const auto& a, const auto& b) { return std::get<2>(a) > std::get<2>(b); });
  if (limit_ && grown.size() > limit_) grown.resize(limit_);
  std::size_t width = 0;
  for (const auto& row : grown) width = std::max(width, code_points(std::get<0>(row)));
  for (const auto& [name, count, delta] : grown) {
    char figures[64];
    std::snprintf(figures, sizeof figures, "%9llu %+9lld\n", static_cast<unsigned long long>(count),
                  static_cast<long long>(delta));
    out << name << std::string(width - code_points(name), ' ') << figures;
  }
  out.flush();
}

}  // namespace heapglass
