// A heap as the tables that `query` asks and `export` writes: the same numbers in both.
#pragma once

#include <memory>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/query/query_table.h"

namespace heapglass {

// The heap is borrowed. It was opened with references if a query needs them.
class HeapAsTables {
 public:
  explicit HeapAsTables(const Heap& heap);
  const std::vector<QueryTable*>& all() const { return schema_.tables; }
  const QuerySchema& schema() const { return schema_; }

 private:
  std::vector<std::unique_ptr<QueryTable>> tables_;
  QuerySchema schema_;
};

// The same of no heap, to prepare queries with before there is one.
class NoHeapAsTables {
 public:
  NoHeapAsTables();
  const QuerySchema& schema() const { return schema_; }

 private:
  std::vector<std::unique_ptr<QueryTable>> tables_;
  QuerySchema schema_;
};

// Whether what a query of any heap looks at is computed from the references between objects.
bool needs_references(const QueryReads& reads);

}  // namespace heapglass
