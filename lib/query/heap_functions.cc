#include "lib/query/heap_functions.h"

#include "lib/heap/path_text.h"

namespace heapglass {
namespace {

struct HeapFunction {
  std::string_view name, what;
  QueryValue (*call)(const Heap& heap, const QueryValue& argument);
};

// NULL where there is no such object, and where nothing from outside of the heap leads to it.
QueryValue root_path(const Heap& heap, const QueryValue& id) {
  const auto* const address = std::get_if<std::int64_t>(&id);
  if (!address) return {};
  const NodeId object = heap.graph().index->find(Address{static_cast<std::uint64_t>(*address)});
  if (object == kNoNode) return {};
  const std::vector<NodeId> path = heap.root_paths().shortest(object);
  if (path.empty()) return {};
  return PathFormatter(heap.labels(), heap.view()).tell(path).text;
}

constexpr HeapFunction kFunctions[] = {
    {"root_path",
     "root_path(id): what keeps the object alive, its shortest root path as `heapglass path` prints it",
     root_path},
};

std::vector<QueryFunction> functions(const Heap* heap) {
  std::vector<QueryFunction> out;
  for (const HeapFunction& each : kFunctions)
    out.push_back({each.name, each.what, [heap, call = each.call](const QueryValue& argument) {
                     return heap ? call(*heap, argument) : QueryValue();
                   }});
  return out;
}

}  // namespace

std::vector<QueryFunction> heap_functions(const Heap& heap) { return functions(&heap); }
std::vector<QueryFunction> empty_heap_functions() { return functions(nullptr); }

}  // namespace heapglass
