// heapglass TARGET: all of it on one screen.
#include "cmd/command.h"
#include "lib/open/open_heap.h"
#include "lib/report/overview_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {

int run_overview(const std::vector<std::string>& arguments) {
  CommandLine line("overview", "who it is, where its memory is, what may leak, and what to ask next");
  if (!line.parse(arguments)) return kExitDone;
  const std::string target = line.common().target;
  const auto heap = open_heap(line.common(), {.residency = true, .open_files = true});
  const bool runs = heap->target().runs();
  write_answer(*heap, overview_document(*heap, runs ? std::to_string(heap->target().pid()) : target),
               line.common());
  return kExitDone;
}

}  // namespace heapglass
