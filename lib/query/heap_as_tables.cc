#include "lib/query/heap_as_tables.h"

#include "lib/query/heap_tables.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {
HeapAsTables::HeapAsTables(const Heap& heap) {
  tables_ = heap_tables({heap.types(), heap.graph(), heap.interpreters(), heap.view(), heap.labels(),
                         [&heap] { return heap.owners(); }, [&heap] { return arenas(heap); }});
  for (const auto& table : tables_) borrowed_.push_back(table.get());
}

}  // namespace heapglass
