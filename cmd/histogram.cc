// heapglass histogram: objects and bytes by type.

#include "lib/compare/histogram.h"

#include <algorithm>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/base/type_name.h"
#include "lib/heap/objgraph_labels.h"
#include "lib/open/open_heap.h"
#include "lib/open/output_rights.h"
#include "lib/python/text_repr.h"
#include "lib/render/output.h"
#include "lib/render/utf8.h"
#include "lib/report/histogram_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {
namespace {

// What objgraph.show_most_common_types prints, for scripts that read it.
int print_like_objgraph(const CommonOptions& common, bool long_names, std::size_t limit) {
  keep_right_to_write(common);
  Output output(common.output, common.mode);
  const auto heap = open_heap(common, {.graph = false});
  auto counts = objgraph_common_types(heap->types(), heap->interpreters(), long_names, limit);
  for (auto& [name, count] : counts) name = printable(name);
  std::size_t width = 0;
  for (const auto& [name, count] : counts) width = std::max(width, code_points(name));
  for (const auto& [name, count] : counts)
    output.stream() << name << std::string(width - code_points(name), ' ') << ' ' << count << '\n';
  output.commit();
  return kExitDone;
}

}  // namespace

int run_histogram(const std::vector<std::string>& arguments) {
  CommandLine line("histogram", "objects and bytes by type");
  line.takes_processes();
  HistogramSort sort = HistogramSort::kBytes;
  std::optional<std::size_t> limit;
  bool objgraph = false;
  std::vector<std::string> types;
  bool long_names = false;
  line.choice<HistogramSort>("sort", &sort,
                             {{"bytes", HistogramSort::kBytes},
                              {"count", HistogramSort::kCount},
                              {"external", HistogramSort::kExternal},
                              {"mean", HistogramSort::kMean},
                              {"type", HistogramSort::kType}},
                             "KEY", "sort by bytes (default), count, external, mean or type");
  line.count("limit,n", &limit, 0, kMostRows, "print N types (default 20, in objgraph's style 10), 0: all");
  line.option("type", &types, "NAME", "only this type, module.qualname or the bare name; can be repeated");
  line.choice<bool>(
      "style", &objgraph, {{"default", false}, {"objgraph", true}}, "NAME",
      "default, or objgraph: what objgraph.show_most_common_types prints, of tracked objects only");
  line.flag("longnames", &long_names, "in objgraph's style: print types with their module");
  if (!line.parse(arguments)) return kExitDone;
  if (objgraph && (!types.empty() || sort != HistogramSort::kBytes ||
                   !(line.common().format.empty() || line.common().format == "text")))
    throw Error(ErrorKind::kUsage,
                "--style objgraph is a text by count: it takes no --type, --sort or --format");
  if (long_names && !objgraph) throw Error(ErrorKind::kUsage, "--longnames requires --style objgraph");
  const std::size_t most = limit.value_or(objgraph ? 10 : 20);
  if (objgraph) return print_like_objgraph(line.common(), long_names, most);
  const auto heap = open_heap(line.common(), {.references = false});

  const std::vector<TypeCount> all = histogram(heap->graph(), &heap->objects());
  std::vector<TypeCount> rows = all;
  if (!types.empty()) {
    for (const std::string& wanted : types)
      if (std::none_of(rows.begin(), rows.end(),
                       [&](const TypeCount& r) { return type_matches(r.type, wanted); })) {
        const std::string hint = heap->hint_of_missing_type(wanted);
        // On the standard error: who reads the table by a script sees it too.
        std::cerr << "heapglass: there is no object of type '" << printable(wanted) << "'"
                  << (hint.empty() ? "" : ": " + printable(hint)) << "\n";
      }
    std::erase_if(rows, [&](const TypeCount& r) {
      return std::none_of(types.begin(), types.end(),
                          [&](const std::string& t) { return type_matches(r.type, t); });
    });
  }
  write_answer(*heap, histogram_document(all, std::move(rows), sort, most), line.common());
  return kExitDone;
}

}  // namespace heapglass
