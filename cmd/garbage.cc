// heapglass garbage: what a full collection would free now.

#include "cmd/command.h"
#include "lib/open/open_heap.h"
#include "lib/render/output_options.h"
#include "lib/report/garbage_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {

int run_garbage(const std::vector<std::string>& arguments) {
  CommandLine line("garbage", "what a full garbage collection would free now (the target does not run one)");
  std::size_t most = 20, most_nodes = 200, drawn = 1;
  bool leaked = false;
  line.count("limit,n", &most, 0, kMostRows, "print N types and groups (default 20), 0: all");
  line.count("max-nodes", &most_nodes, 1, 1'000'000, "draw at most N objects (default 200)");
  line.count("group", &drawn, 1, kMostRows, "draw the Nth group of the list (default 1, the largest)");
  line.flag(
      "held-by-c", &leaked,
      "print instead the objects with more counted references than memory has pointers to them: references "
      "that C code took and never gave back");
  if (!line.parse(arguments)) return kExitDone;
  const auto heap = open_heap(line.common(), {});
  if (leaked) {
    write_answer(*heap, leaked_references_document(*heap, most), line.common());
    return kExitDone;
  }
  if (wants_picture(line.common())) {
    Document document;
    document.sections.push_back(garbage_picture(*heap, drawn, most_nodes));
    write_answer(*heap, std::move(document), line.common());
    return kExitDone;
  }
  write_answer(*heap, garbage_document(*heap, most), line.common());
  return kExitDone;
}

}  // namespace heapglass
