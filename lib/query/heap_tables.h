// The heap as tables: objects, refs, types, roots, threads, frames, arenas.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/analysis/object_view.h"
#include "lib/analysis/owners.h"
#include "lib/graph/labels.h"
#include "lib/query/query_table.h"

namespace heapglass {

// What an allocator has of the system, as the table of them shows it. Bytes; nullopt: not known, as what
// malloc has handed out in a core without the kernel's names of its mappings.
struct ArenaRow {
  std::string allocator;  // "pymalloc"
  Address start{};
  std::uint64_t size = 0;
  std::optional<std::uint64_t> used;  // handed out; of pymalloc in blocks
  std::optional<std::uint64_t> free, overhead;
  std::optional<std::uint64_t> objects;  // that lie in it, where it is one piece of memory
};

struct HeapTablesInput {
  TypeTable& types;
  const HeapGraph& graph;
  const std::vector<PyInterpreter>& interpreters;
  const ObjectView& values;  // its `retained` is asked for the column of that name, where there is one
  Labels& labels;
  // Each is called at most once, when its column or table is asked for.
  std::function<Owners()> owners;
  std::function<std::vector<ArenaRow>()> arenas;
};

constexpr std::string_view kHeapTableNames[] = {"objects", "refs",   "types", "roots",
                                                "threads", "frames", "arenas"};
// One for each of those names. What the input borrows stays borrowed.
std::vector<std::unique_ptr<QueryTable>> heap_tables(const HeapTablesInput& input);

}  // namespace heapglass
