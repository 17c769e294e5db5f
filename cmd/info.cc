// heapglass info: what runs there.
#include "cmd/command.h"
#include "lib/base/elapsed.h"
#include "lib/open/open_heap.h"
#include "lib/report/info_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {

int run_info(const std::vector<std::string>& arguments) {
  CommandLine line("info", "what runs there: version, layout, threads, collector, sizes");
  const auto began = std::chrono::steady_clock::now();
  bool no_heap = false;
  line.flag("no-heap", &no_heap,
            "do not count objects: the answer takes milliseconds however large the heap is");
  if (!line.parse(arguments)) return kExitDone;
  HeapNeeds needs{.graph = !no_heap, .sharing = true};
  if (no_heap) needs.rehearse = [](const Heap& h) { info_document(h, true); };
  const auto heap = open_heap(line.common(), needs);
  Document document = info_document(*heap, no_heap);
  document.fields.push_back({{"elapsed_ms", "looked at in", Kind::kMilliseconds}, ms_since(began)});
  write_answer(*heap, std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
