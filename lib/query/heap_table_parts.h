// The tables one by one, for heap_tables() alone.
#pragma once

#include "lib/query/heap_tables.h"

namespace heapglass {

std::unique_ptr<QueryTable> objects_table(const HeapTablesInput& input);
std::unique_ptr<QueryTable> refs_table(const HeapTablesInput& input);
std::unique_ptr<QueryTable> types_table(const HeapTablesInput& input);
std::unique_ptr<QueryTable> roots_table(const HeapTablesInput& input);
std::unique_ptr<QueryTable> threads_table(const HeapTablesInput& input);
std::unique_ptr<QueryTable> frames_table(const HeapTablesInput& input);
std::unique_ptr<QueryTable> arenas_table(const HeapTablesInput& input);

std::vector<QueryColumn> objects_columns();
std::vector<QueryColumn> refs_columns();
std::vector<QueryColumn> types_columns();
std::vector<QueryColumn> roots_columns();
std::vector<QueryColumn> threads_columns();
std::vector<QueryColumn> frames_columns();
std::vector<QueryColumn> arenas_columns();

inline QueryValue query_number(std::uint64_t n) { return static_cast<std::int64_t>(n); }
inline QueryValue query_number(Address a) { return query_number(value(a)); }

// Addresses of nodes that are mostly asked one after another: those of the last block at hand.
class AddressesInTurn {
 public:
  explicit AddressesInTurn(const AddressIndex& addresses) : index_(addresses) {}
  Address at(std::uint64_t node);

 private:
  void load(std::uint64_t block);
  std::uint64_t block_with(std::uint64_t node) const;

  const AddressIndex& index_;
  std::uint64_t block_ = 0, first_ = 0;
  std::vector<Address> loaded_;
};

}  // namespace heapglass
