// The heap as tables: objects, refs, types, roots, threads, frames, arenas.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/heap/labels.h"
#include "lib/heap/object_view.h"
#include "lib/heap/owners.h"
#include "lib/memory/arena_row.h"
#include "lib/query/query_table.h"

namespace heapglass {

struct HeapTablesInput {
  TypeTable& types;
  const HeapGraph& graph;
  const std::vector<PyInterpreter>& interpreters;
  const ObjectView& values;  // its `retained` is asked for the column of that name, where there is one
  // Each is called when its column or table is asked for; the last two at most once.
  std::function<Labels&()> labels;
  std::function<Owners()> owners;
  std::function<std::vector<ArenaRow>()> arenas;
};

constexpr std::string_view kHeapTableNames[] = {"objects", "refs",   "types", "roots",
                                                "threads", "frames", "arenas"};
// One for each of those names. What the input borrows stays borrowed.
std::vector<std::unique_ptr<QueryTable>> heap_tables(const HeapTablesInput& input);
// The same without rows, of no heap: a query can be prepared with them before there is one.
std::vector<std::unique_ptr<QueryTable>> empty_heap_tables();

}  // namespace heapglass
