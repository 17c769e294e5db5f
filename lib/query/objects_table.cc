// A row for each object, in order of address.
#include <algorithm>
#include <numeric>
#include <optional>

#include "lib/python/describe.h"
#include "lib/python/sizes.h"
#include "lib/python/weak_references.h"
#include "lib/query/heap_table_parts.h"

namespace heapglass {
namespace {

class ObjectsTable final : public QueryTable {
 public:
  explicit ObjectsTable(const HeapTablesInput& input) : in_(input), addresses_(*input.graph.index) {}
  std::string_view name() const override { return "objects"; }
  std::vector<QueryColumn> columns() const override {
    std::vector<QueryColumn> out;
    for (const auto& made : kColumns) out.push_back(made.column);
    return out;
  }
  std::uint64_t rows() override { return in_.graph.nodes(); }
  QueryValue value(std::uint64_t row, int column) override { return kColumns[column].value(*this, row); }
  std::uint64_t rows_found_by(int column) const override {
    return column == 0 ? 1 : column == 1 ? in_.graph.nodes() / 16 + 1 : 0;
  }
  QueryRows find(int column, const QueryKey& wanted) override {
    if (column == 1) return of_type(std::get<std::string_view>(wanted));
    const NodeId n =
        in_.graph.index->find(Address{static_cast<std::uint64_t>(std::get<std::int64_t>(wanted))});
    return n == kNoNode ? QueryRows{} : QueryRows{index(n), std::uint64_t{index(n)} + 1, {}, true};
  }

 private:
  // A column, and how its value is made.
  struct Made {
    QueryColumn column;
    QueryValue (*value)(ObjectsTable&, std::uint64_t row);
  };
  static const Made kColumns[12];

  static NodeId node(std::uint64_t row) { return NodeId{static_cast<std::uint32_t>(row)}; }
  Address at(std::uint64_t row) { return addresses_.at(row); }
  const GraphType& type(std::uint64_t row) const { return in_.graph.types[in_.graph.type[row]]; }
  const TypeInfo& info(std::uint64_t row) const { return *type(row).info; }
  const Objects& objects() const { return in_.types.objects(); }
  const Owners& owners() {
    if (!owners_) owners_ = in_.owners();
    return *owners_;
  }
  QueryRows of_type(std::string_view name);
  void sort_by_type();

  const HeapTablesInput in_;
  AddressesInTurn addresses_;
  std::optional<Owners> owners_;
  // Rows by type, for look-ups: those of type t are [first_of_[t], first_of_[t + 1]) of by_type_.
  std::vector<std::uint32_t> first_of_, by_type_;
};

const ObjectsTable::Made ObjectsTable::kColumns[12] = {
    {{"id", "INTEGER", "address"},
     [](ObjectsTable& t, std::uint64_t row) { return query_number(t.at(row)); }},
    {{"type", "TEXT", "module.qualname"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue { return std::string_view(t.type(row).name); }},
    {{"size", "INTEGER", "sys.getsizeof"},
     [](ObjectsTable& t, std::uint64_t row) { return query_number(t.in_.graph.size[row]); }},
    {{"external", "INTEGER", "bytes in buffers of its own"},
     [](ObjectsTable& t, std::uint64_t row) {
       return query_number(external_of(t.objects(), t.at(row), t.info(row), t.in_.graph.size[row]).bytes);
     }},
    {{"retained", "INTEGER", "bytes that would be freed with it"},
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
       const auto length = t.in_.values.length(t.at(row));
       return length ? query_number(*length) : QueryValue();
     }},
    {{"tracked", "INTEGER", "1: on the collector's lists"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       return std::int64_t{is_tracked(t.objects(), t.at(row), t.info(row))};
     }},
    {{"owner", "TEXT", "whose it is: the named thing that it hangs in"},
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
};

void ObjectsTable::sort_by_type() {
  const LargeVector<std::uint32_t>& type = in_.graph.type;
  first_of_.resize(in_.graph.types.size() + 1);
  for (const std::uint32_t t : type) ++first_of_[t + 1];
  std::partial_sum(first_of_.begin(), first_of_.end(), first_of_.begin());
  std::vector<std::uint32_t> next = first_of_;
  by_type_.resize(type.size());
  for (std::uint32_t row = 0; row < type.size(); ++row) by_type_[next[type[row]]++] = row;
}

QueryRows ObjectsTable::of_type(std::string_view name) {
  if (first_of_.empty()) sort_by_type();
  const std::vector<GraphType>& types = in_.graph.types;
  // Types are in order of name, and several may have one.
  const auto from = std::lower_bound(types.begin(), types.end(), name,
                                     [](const GraphType& t, std::string_view n) { return t.name < n; });
  auto to = from;
  while (to != types.end() && to->name == name) ++to;
  QueryRows rows;
  rows.is_range = false;
  rows.some.assign(by_type_.begin() + first_of_[static_cast<std::size_t>(from - types.begin())],
                   by_type_.begin() + first_of_[static_cast<std::size_t>(to - types.begin())]);
  if (to - from > 1) std::sort(rows.some.begin(), rows.some.end());
  return rows;
}

}  // namespace

std::unique_ptr<QueryTable> objects_table(const HeapTablesInput& input) {
  return std::make_unique<ObjectsTable>(input);
}

}  // namespace heapglass
