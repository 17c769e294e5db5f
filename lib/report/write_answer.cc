#include "lib/report/write_answer.h"

#include <algorithm>
#include <iostream>

#include "lib/render/write_report.h"
#include "lib/report/about.h"

namespace heapglass {

void write_answer(const Heap& heap, Document document, const OutputOptions& options,
                  const std::string& default_format, RenderOptions render) {
  for (const Caveat& caveat : heap.caveats()) document.add(caveat);
  const auto has = [&](std::string_view key) {
    return std::any_of(document.fields.begin(), document.fields.end(),
                       [&](const Field& field) { return field.column.key == key; });
  };
  auto add = [&](const char* key, Kind kind, Cell value) {
    if (!has(key)) document.fields.push_back({{key, "", kind, Audience::kPrograms}, std::move(value)});
  };
  document.about = about(heap.origin());
  add("freeze", Kind::kText, heap.capture().freeze);
  add("pause_ms", Kind::kMilliseconds, heap.capture().pause_ms);
  if (options.on_answer) options.on_answer(document, heap.graph().nodes());
  write_document(document, options, default_format, render);
}

void write_document(Document document, const OutputOptions& options, const std::string& default_format,
                    RenderOptions render) {
  if (document.about.empty()) document.about = about(of_this_host());
  render.exact_bytes = options.exact_bytes;
  render.csv_raw = options.csv_raw;
  for (const std::string& warning : write_report(
           document,
           {options.output, options.format, default_format, options.mode, options.color, options.shown_on},
           render))
    std::cerr << "heapglass: " << warning << "\n";
}

}  // namespace heapglass
