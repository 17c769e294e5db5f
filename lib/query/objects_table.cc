// A row for each object, in order of address.
#include <algorithm>
#include <numeric>
#include <optional>

#include "lib/heap/external_bytes.h"
#include "lib/python/collector_lists.h"
#include "lib/python/describe.h"
#include "lib/python/weak_references.h"
#include "lib/query/heap_table_parts.h"

namespace heapglass {
namespace {

class ObjectsTable final : public QueryTable {
 public:
  explicit ObjectsTable(const HeapTablesInput& input) : in_(input), addresses_(*input.graph.index) {}
  std::string_view name() const override { return "objects"; }
  std::vector<QueryColumn> columns() const override { return all_columns(); }
  static std::vector<QueryColumn> all_columns() {
    std::vector<QueryColumn> out;
    for (const auto& made : kColumns) out.push_back(made.column);
    return out;
  }
  std::uint64_t rows() override { return in_.graph.nodes(); }
  QueryValue value(std::uint64_t row, int column) override { return kColumns[column].value(*this, row); }
  std::uint64_t rows_found_by(int column) const override {
    return column == kId ? 1 : column == kType ? in_.graph.nodes() / 16 + 1 : 0;
  }
  QueryRows find(int column, const QueryKey& wanted) override {
    if (column == kType) return of_type(std::get<std::string_view>(wanted));
    const NodeId n =
        in_.graph.index->find(Address{static_cast<std::uint64_t>(std::get<std::int64_t>(wanted))});
    return n == kNoNode ? QueryRows() : QueryRows::range(index(n), std::uint64_t{index(n)} + 1);
  }
  // Both have few values, of which each has many rows.
  bool has_order(int column) const override { return column == kType || column == kOwner; }
  QueryRows in_order(int column) override {
    return QueryRows::listed(column == kType ? by_type().rows : by_owner().rows);
  }

 private:
  enum { kId, kType, kOwner = 9 };  // columns
  // A column, and how its value is made.
  struct Made {
    QueryColumn column;
    QueryValue (*value)(ObjectsTable&, std::uint64_t row);
  };
  static const Made kColumns[13];

  static NodeId node(std::uint64_t row) { return NodeId{static_cast<std::uint32_t>(row)}; }
  Address at(std::uint64_t row) { return addresses_.at(row); }
  const GraphType& type(std::uint64_t row) const { return in_.graph.types[in_.graph.type[row]]; }
  const TypeInfo& info(std::uint64_t row) const { return *type(row).info; }
  const Objects& objects() const { return in_.types.objects(); }
  const Owners& owners() {
    if (!owners_) owners_ = in_.owners();
    return *owners_;
  }
  // Rows by a number of each below `numbers`: those of number n are [first_of[n], first_of[n + 1]) of rows.
  struct Sorted {
    std::vector<std::uint32_t> first_of, rows;
  };
  template <class Number>
  Sorted sort_by(std::size_t numbers, Number number) const;
  const Sorted& by_type();
  const Sorted& by_owner();
  QueryRows of_type(std::string_view name);

  const HeapTablesInput in_;
  AddressesInTurn addresses_;
  std::optional<Owners> owners_;
  std::optional<Sorted> by_type_, by_owner_;
};

const ObjectsTable::Made ObjectsTable::kColumns[13] = {
    {{"id", "INTEGER", "address"},
     [](ObjectsTable& t, std::uint64_t row) { return query_number(t.at(row)); }},
    {{"type", "TEXT", "module.qualname"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue { return std::string_view(t.type(row).name); }},
    {{"size", "INTEGER", "sys.getsizeof"},
     [](ObjectsTable& t, std::uint64_t row) { return query_number(t.in_.graph.size[row]); }},
    {{"external", "INTEGER", "bytes in buffers of its own"},
     [](ObjectsTable& t, std::uint64_t row) {
       return query_number(buffers_of(t.in_.graph, t.objects(), node(row)).all);
     }},
    {{"retained", "INTEGER", "bytes that would be freed with it", true},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       return t.in_.values.retained ? query_number(t.in_.values.retained(node(row))) : QueryValue();
     }},
    {{"refcount", "INTEGER", "as it stands in memory"},
     [](ObjectsTable& t, std::uint64_t row) { return query_number(t.objects().refcount(t.at(row))); }},
    {{"weakrefs", "INTEGER", "weak references to it"},
     [](ObjectsTable& t, std::uint64_t row) {
       return query_number(weak_reference_count(t.in_.types, t.at(row), t.info(row)));
     }},
    {{"length", "INTEGER", "of containers, str and bytes"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       const auto length = t.in_.values.length(t.at(row), t.info(row));
       return length ? query_number(*length) : QueryValue();
     }},
    {{"tracked", "INTEGER", "1: on the collector's lists"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       return std::int64_t{is_tracked(t.objects(), t.at(row), t.info(row))};
     }},
    {{"owner", "TEXT", "whose it is: the named thing that it hangs in", true},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       const Owners& all = t.owners();
       return std::string_view(all.owners[all.of[row]].path);
     }},
    {{"value_hash", "TEXT", "equal for equal values, of snapshots with --hash-values"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       const std::vector<std::uint64_t>& hashes = t.in_.graph.value_hash;
       if (hashes.empty() || hashes[row] == 0) return QueryValue();
       return to_hex(Address{hashes[row]});
     }},
    {{"repr", "TEXT", "structural, cut"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       return short_repr(t.in_.types, t.at(row), t.info(row));
     }},
    {{"all_bytes", "INTEGER", "size and what of external is not in it"},
     [](ObjectsTable& t, std::uint64_t row) { return query_number(t.in_.graph.all_bytes(row)); }},
};

template <class Number>
ObjectsTable::Sorted ObjectsTable::sort_by(std::size_t numbers, Number number) const {
  const std::uint32_t rows = in_.graph.nodes();
  Sorted out;
  out.first_of.resize(numbers + 1);
  for (std::uint32_t row = 0; row < rows; ++row) ++out.first_of[number(row) + 1];
  std::partial_sum(out.first_of.begin(), out.first_of.end(), out.first_of.begin());
  std::vector<std::uint32_t> next = out.first_of;
  out.rows.resize(rows);
  for (std::uint32_t row = 0; row < rows; ++row) out.rows[next[number(row)]++] = row;
  return out;
}

// Types are in order of name.
const ObjectsTable::Sorted& ObjectsTable::by_type() {
  if (!by_type_)
    by_type_ = sort_by(in_.graph.types.size(), [&](std::uint32_t row) { return in_.graph.type[row]; });
  return *by_type_;
}

const ObjectsTable::Sorted& ObjectsTable::by_owner() {
  if (by_owner_) return *by_owner_;
  const Owners& all = owners();
  std::vector<std::uint32_t> order(all.owners.size()), place(order.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return all.owners[a].path < all.owners[b].path; });
  for (std::uint32_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  by_owner_ = sort_by(order.size(), [&](std::uint32_t row) { return place[all.of[row]]; });
  return *by_owner_;
}

QueryRows ObjectsTable::of_type(std::string_view name) {
  const Sorted& sorted = by_type();
  const std::vector<GraphType>& types = in_.graph.types;
  // Several may have one name.
  const auto from = std::lower_bound(types.begin(), types.end(), name,
                                     [](const GraphType& t, std::string_view n) { return t.name < n; });
  auto to = from;
  while (to != types.end() && to->name == name) ++to;
  const std::uint32_t first = sorted.first_of[static_cast<std::size_t>(from - types.begin())],
                      end = sorted.first_of[static_cast<std::size_t>(to - types.begin())];
  if (to - from < 2) return QueryRows::listed(std::span(sorted.rows).subspan(first, end - first));
  std::vector<std::uint64_t> rows(sorted.rows.begin() + first, sorted.rows.begin() + end);
  std::sort(rows.begin(), rows.end());
  return QueryRows::these(std::move(rows));
}

}  // namespace

std::vector<QueryColumn> objects_columns() { return ObjectsTable::all_columns(); }

std::unique_ptr<QueryTable> objects_table(const HeapTablesInput& input) {
  return std::make_unique<ObjectsTable>(input);
}

}  // namespace heapglass
