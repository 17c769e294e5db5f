#include "lib/query/heap_as_tables.h"

#include <algorithm>

#include "lib/query/heap_functions.h"
#include "lib/query/heap_tables.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {
HeapAsTables::HeapAsTables(const Heap& heap) {
  tables_ = heap_tables({heap.types(), heap.graph(), heap.interpreters(), heap.view(),
                         [&heap]() -> Labels& { return heap.labels(); }, [&heap] { return heap.owners(); },
                         [&heap] { return arenas(heap); }});
  for (const auto& table : tables_) schema_.tables.push_back(table.get());
  schema_.functions = heap_functions(heap);
}

NoHeapAsTables::NoHeapAsTables() : tables_(empty_heap_tables()) {
  for (const auto& table : tables_) schema_.tables.push_back(table.get());
  schema_.functions = empty_heap_functions();
}

bool needs_references(const QueryReads& reads) {
  const auto needs = [](const std::pair<std::string, std::string>& read) {
    const auto& [table, column] = read;
    return table == "refs" || (table == "objects" && (column == "retained" || column == "owner"));
  };
  return std::any_of(reads.columns.begin(), reads.columns.end(), needs) ||
         reads.functions.contains("root_path");
}

}  // namespace heapglass
