// heapglass histogram: objects and bytes by type.

#include "lib/compare/histogram.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/base/type_name.h"
#include "lib/heap/objgraph_labels.h"
#include "lib/open/open_heap.h"
#include "lib/open/output_rights.h"
#include "lib/python/text_repr.h"
#include "lib/render/numbers.h"
#include "lib/render/output.h"
#include "lib/render/utf8.h"
#include "lib/report/write_answer.h"

namespace heapglass {
namespace {

enum class TypesSort { kBytes, kCount, kExternal, kMean, kType };

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
  TypesSort sort = TypesSort::kBytes;
  std::optional<std::size_t> limit;
  bool objgraph = false;
  std::vector<std::string> types;
  bool long_names = false;
  line.choice<TypesSort>("sort", &sort,
                         {{"bytes", TypesSort::kBytes},
                          {"count", TypesSort::kCount},
                          {"external", TypesSort::kExternal},
                          {"mean", TypesSort::kMean},
                          {"type", TypesSort::kType}},
                         "KEY", "sort by bytes (default), count, external, mean or type");
  line.count("limit,n", &limit, 0, kMostRows, "print N types (default 20, in objgraph's style 10), 0: all");
  line.option("type", &types, "NAME", "only this type, module.qualname or the bare name; can be repeated");
  line.choice<bool>(
      "style", &objgraph, {{"default", false}, {"objgraph", true}}, "NAME",
      "default, or objgraph: what objgraph.show_most_common_types prints, of tracked objects only");
  line.flag("longnames", &long_names, "in objgraph's style: print types with their module");
  if (!line.parse(arguments)) return kExitDone;
  if (objgraph && (!types.empty() || sort != TypesSort::kBytes ||
                   !(line.common().format.empty() || line.common().format == "text")))
    throw Error(ErrorKind::kUsage,
                "--style objgraph is a text by count: it takes no --type, --sort or --format");
  if (long_names && !objgraph) throw Error(ErrorKind::kUsage, "--longnames requires --style objgraph");
  const std::size_t most = limit.value_or(objgraph ? 10 : 20);
  if (objgraph) return print_like_objgraph(line.common(), long_names, most);
  const auto heap = open_heap(line.common(), {.references = false});

  std::vector<TypeCount> rows = histogram(heap->graph(), &heap->objects());
  std::uint64_t objects = 0, bytes = 0, external = 0, beyond = 0;
  for (const TypeCount& r : rows) {
    objects += r.count;
    bytes += r.bytes;
    external += r.external_bytes;
    beyond += r.unreported_bytes;
  }
  Document document;
  if (!types.empty()) {
    for (const std::string& wanted : types)
      if (std::none_of(rows.begin(), rows.end(),
                       [&](const TypeCount& r) { return type_matches(r.type, wanted); })) {
        const std::string meant = did_you_mean(near_names(wanted, heap->type_names(), 3));
        // On the standard error: who reads the table by a script sees it too.
        std::cerr << "heapglass: there is no object of type '" << printable(wanted) << "'"
                  << (meant.empty() ? "" : ": " + printable(meant)) << "\n";
      }
    std::erase_if(rows, [&](const TypeCount& r) {
      return std::none_of(types.begin(), types.end(),
                          [&](const std::string& t) { return type_matches(r.type, t); });
    });
  }
  auto mean = [](const TypeCount& r) { return static_cast<double>(r.bytes) / static_cast<double>(r.count); };
  std::stable_sort(rows.begin(), rows.end(), [&](const TypeCount& a, const TypeCount& b) {
    if (sort == TypesSort::kBytes) return a.bytes + a.unreported_bytes > b.bytes + b.unreported_bytes;
    if (sort == TypesSort::kExternal) return a.external_bytes > b.external_bytes;
    if (sort == TypesSort::kCount) return a.count > b.count;
    if (sort == TypesSort::kMean) return mean(a) > mean(b);
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
    table.rows.push_back({r.type, r.count, r.bytes, r.external_bytes,
                          static_cast<std::uint64_t>(std::llround(mean(r))),
                          bytes ? static_cast<double>(r.bytes) / static_cast<double>(bytes) : 0.0});
  table.totals = Row{"all objects",
                     objects,
                     bytes,
                     external,
                     objects ? Cell(static_cast<std::uint64_t>(bytes / objects)) : Cell(),
                     1.0};
  if (beyond > 0)
    table.notes.push_back("external: in buffers apart from the objects' own blocks; " + human_bytes(beyond) +
                          " of it are not in the column bytes, since sys.getsizeof does not count them");
  if (rows.size() < in_all)
    table.notes.push_back(std::to_string(in_all - rows.size()) + " more types: --limit 0 shows all");
  document.sections.push_back(std::move(table));
  write_answer(*heap, std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
