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
  const NoHeapAsTables any;
  for (const QueryTable* table : any.schema().tables) {
    const std::string name(table->name());
    bool all = true;
    for (const QueryColumn& column : table->columns()) {
      all &= column.from_references;
      if (column.from_references && reads.columns.contains({name, std::string(column.name)})) return true;
    }
    // count(*) names no column: the rows themselves are asked for.
    if (all && reads.columns.contains({name, ""})) return true;
  }
  return std::any_of(any.schema().functions.begin(), any.schema().functions.end(),
                     [&](const QueryFunction& f) { return reads.functions.contains(std::string(f.name)); });
}

}  // namespace heapglass
