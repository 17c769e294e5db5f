// A heap as the tables that `query` asks and `export` writes: the same numbers in both.
#pragma once

#include <memory>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/query/query_table.h"

namespace heapglass {

// The heap was opened with references, and is borrowed.
class HeapAsTables {
 public:
  explicit HeapAsTables(const Heap& heap);
  const std::vector<QueryTable*>& all() const { return borrowed_; }

 private:
  std::vector<std::unique_ptr<QueryTable>> tables_;
  std::vector<QueryTable*> borrowed_;
};

}  // namespace heapglass
