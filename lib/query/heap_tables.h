// The heap as tables: objects, refs, types, roots, threads, frames.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "lib/analysis/heap_objects.h"
#include "lib/graph/labels.h"
#include "lib/query/query_table.h"

namespace heapglass {

struct HeapTablesInput {
  TypeTable& types;
  const HeapGraph& graph;
  const std::vector<PyInterpreter>& interpreters;
  const HeapObjects& values;  // its `retained` is asked for the column of that name, where there is one
  Labels& labels;
};

// All borrowed.
std::vector<std::unique_ptr<QueryTable>> heap_tables(const HeapTablesInput& input);

}  // namespace heapglass
