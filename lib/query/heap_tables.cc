#include "lib/query/heap_tables.h"

#include "lib/query/heap_table_parts.h"

namespace heapglass {

Address AddressesInTurn::at(std::uint64_t node) {
  if (node - first_ < loaded_.size())
    return loaded_[node - first_];  // below first_ wraps to what is too large
  load(block_with(node));
  return loaded_[node - first_];
}

void AddressesInTurn::load(std::uint64_t block) {
  block_ = block;
  first_ = index_.rank(block);
  loaded_.clear();
  index_.each_in_blocks(block, block + 1, [&](Address a) { loaded_.push_back(a); });
}

std::uint64_t AddressesInTurn::block_with(std::uint64_t node) const {
  std::uint64_t low = 0, high = index_.blocks();  // the last block whose first node is not behind it
  if (block_ + 1 < high && index_.rank(block_) <= node) {
    low = block_;
    if (node < index_.rank(block_ + 1)) return block_;
  }
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (index_.rank(middle) <= node ? low : high) = middle;
  }
  return low;
}

std::vector<std::unique_ptr<QueryTable>> heap_tables(const HeapTablesInput& input) {
  std::vector<std::unique_ptr<QueryTable>> tables;
  for (auto* make :
       {objects_table, refs_table, types_table, roots_table, threads_table, frames_table, arenas_table})
    tables.push_back(make(input));
  return tables;
}

std::vector<std::unique_ptr<QueryTable>> empty_heap_tables() {
  std::vector<std::unique_ptr<QueryTable>> tables;
  for (auto* columns : {objects_columns, refs_columns, types_columns, roots_columns, threads_columns,
                        frames_columns, arenas_columns})
    tables.push_back(std::make_unique<EmptyTable>(kHeapTableNames[tables.size()], columns()));
  return tables;
}

}  // namespace heapglass
