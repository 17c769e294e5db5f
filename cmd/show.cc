// heapglass show: one object in full.
#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/open/open_heap.h"
#include "lib/report/object_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {

int run_show(const std::vector<std::string>& arguments) {
  CommandLine line("show", "one object in full: what it is, what it holds, who holds it");
  std::vector<std::string> types;
  std::vector<Address> ids;
  std::size_t most = 20;
  line.option("id", &ids, "the object at this address, as heapglass objects prints it");
  line.option("type", &types, "NAME", "the only object of this type");
  line.count("limit,n", &most, 0, kMostRows, "print N referents and N referrers (default 20), 0: all");
  if (!line.parse(arguments)) return kExitDone;
  if (ids.size() + types.size() != 1)
    throw Error(ErrorKind::kUsage, "show takes exactly one object",
                "give --id ADDRESS; `heapglass objects` lists them");
  const auto heap = open_heap(line.common(), {});
  const Heap& s = *heap;
  const std::vector<NodeId> nodes = s.select(types, ids);
  if (nodes.size() != 1)
    throw Error(ErrorKind::kUsage,
                "there are " + std::to_string(nodes.size()) + " objects of type '" + types[0] +
                    "', and show takes exactly one",
                "give --id ADDRESS; `heapglass objects --type " + types[0] + "` lists them");
  write_answer(s, object_document(s, nodes[0], most, AllocationSites(s)), line.common());
  return kExitDone;
}

}  // namespace heapglass
