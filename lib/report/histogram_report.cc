#include "lib/report/histogram_report.h"

#include <algorithm>
#include <cmath>

#include "lib/render/numbers.h"
#include "lib/report/rows_left.h"

namespace heapglass {

Document histogram_document(const std::vector<TypeCount>& all, std::vector<TypeCount> rows,
                            HistogramSort sort, std::size_t most) {
  std::uint64_t objects = 0, bytes = 0, external = 0, beyond = 0;
  for (const TypeCount& r : all) {
    objects += r.count;
    bytes += r.bytes;
    external += r.external_bytes;
    beyond += r.unreported_bytes;
  }
  Document document;
  auto mean = [](const TypeCount& r) { return static_cast<double>(r.bytes) / static_cast<double>(r.count); };
  std::stable_sort(rows.begin(), rows.end(), [&](const TypeCount& a, const TypeCount& b) {
    if (sort == HistogramSort::kBytes) return a.bytes + a.unreported_bytes > b.bytes + b.unreported_bytes;
    if (sort == HistogramSort::kExternal) return a.external_bytes > b.external_bytes;
    if (sort == HistogramSort::kCount) return a.count > b.count;
    if (sort == HistogramSort::kMean) return mean(a) > mean(b);
    return a.type < b.type;
  });
  const std::size_t in_all = rows.size();
  if (most && rows.size() > most) rows.resize(most);

  document.fields.push_back({{"total", "", Kind::kText, Audience::kPrograms},
                             Record{{{"objects", "", Kind::kCount}, objects},
                                    {{"bytes", "", Kind::kBytes}, bytes},
                                    {{"external_bytes", "", Kind::kBytes}, external}}});
  Table table{.key = "types",
              .columns = {{"type", "type", Kind::kText},
                          {"count", "objects", Kind::kCount},
                          {"bytes", "bytes", Kind::kBytes},
                          {"external_bytes", "external", Kind::kBytes},
                          {"mean", "mean", Kind::kBytes},
                          {"share", "share", Kind::kPercent}}};
  for (const TypeCount& r : rows)
    table.rows.push_back(
        {r.type, r.count, r.bytes, r.external_bytes, static_cast<std::uint64_t>(std::llround(mean(r))),
         bytes ? static_cast<double>(r.bytes + r.unreported_bytes) / static_cast<double>(bytes + beyond)
               : 0.0});
  table.totals = Row{"all objects",
                     objects,
                     bytes,
                     external,
                     objects ? Cell(static_cast<std::uint64_t>(bytes / objects)) : Cell(),
                     1.0};
  if (beyond > 0)
    table.notes.push_back(
        "external: in buffers apart from the objects' own blocks, and attributes of instances; " +
        human_bytes(beyond) + " of it are not in the column bytes, since sys.getsizeof does not count them");
  if (rows.size() < in_all)
    table.notes.push_back(rows_left(in_all - rows.size(), "type") + ": --limit 0 shows all");
  document.sections.push_back(std::move(table));
  return document;
}

}  // namespace heapglass
