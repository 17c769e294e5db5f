// A row for each reference, in order of its holder.
#include <algorithm>
#include <unordered_map>

#include "lib/graph/edge_class_name.h"
#include "lib/query/heap_table_parts.h"

namespace heapglass {
namespace {

class RefsTable final : public QueryTable {
 public:
  explicit RefsTable(const HeapTablesInput& input) : in_(input), addresses_(*input.graph.index) {}
  std::string_view name() const override { return "refs"; }
  std::vector<QueryColumn> columns() const override { return refs_columns(); }
  std::uint64_t rows() override { return in_.graph.referent.size(); }
  QueryValue value(std::uint64_t row, int column) override {
    switch (column) {
      case 0:
        return query_number(addresses_.at(index(holder_of(row))));
      case 1:
        return query_number(in_.graph.index->address(in_.graph.referent[row]));
      case 2:
        return name_of(in_.graph.edge_class[row]);
      default:
        return label(row);
    }
  }
  std::uint64_t rows_found_by(int column) const override { return column < 2 ? 4 : 0; }
  QueryRows find(int column, const QueryKey& wanted) override {
    const HeapGraph& g = in_.graph;
    const NodeId n = g.index->find(Address{static_cast<std::uint64_t>(std::get<std::int64_t>(wanted))});
    if (n == kNoNode) return {};
    if (column == 0) return QueryRows::range(g.first_edge[index(n)], g.first_edge[index(n) + 1]);
    std::vector<std::uint64_t> rows;
    NodeId before = kNoNode;
    for (const NodeId holder : in_.labels().referrers().of(n)) {
      if (holder == before) continue;  // one that refers to it several times is listed so
      before = holder;
      for (std::uint64_t e = g.first_edge[index(holder)]; e < g.first_edge[index(holder) + 1]; ++e)
        if (g.referent[e] == n) rows.push_back(e);
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return QueryRows::these(std::move(rows));
  }

 private:
  // Rows are mostly asked one after another.
  NodeId holder_of(std::uint64_t row) {
    const auto& first = in_.graph.first_edge;
    while (row < first[last_] || row >= first[last_ + 1]) {
      if (last_ + 2 < first.size() && row >= first[last_ + 1] && row < first[last_ + 2]) {
        ++last_;
        continue;
      }
      last_ =
          static_cast<std::uint32_t>(std::upper_bound(first.begin(), first.end(), row) - first.begin()) - 1;
    }
    return NodeId{last_};
  }

  QueryValue label(std::uint64_t row) {
    const NodeId holder = holder_of(row);
    if (++labels_told_ % kForgetAfter == 0) in_.labels().forget();
    const NodeId held = in_.graph.referent[row];
    std::string name = in_.labels().name_of(holder, held, ordinal(holder, row));
    return name.empty() ? QueryValue() : QueryValue(std::move(name));
  }
  // Which of its holder's references to the same object it is, counted from 0.
  std::uint32_t ordinal(NodeId holder, std::uint64_t row) {
    const std::uint64_t first = in_.graph.first_edge[index(holder)];
    if (holder != counted_) {
      counted_ = holder;
      ordinals_.clear();
      std::unordered_map<std::uint32_t, std::uint32_t> seen;
      for (const NodeId held : in_.graph.referents(holder)) ordinals_.push_back(seen[index(held)]++);
    }
    return ordinals_[row - first];
  }

  // What Labels keeps is for those who ask about a few objects; a table may go through all of them.
  static constexpr std::uint64_t kForgetAfter = 1 << 17;

  const HeapTablesInput in_;
  AddressesInTurn addresses_;
  std::uint32_t last_ = 0;
  std::uint64_t labels_told_ = 0;
  NodeId counted_ = kNoNode;  // whose references ordinals_ are of
  std::vector<std::uint32_t> ordinals_;
};

}  // namespace

std::vector<QueryColumn> refs_columns() {
  return {{"holder", "INTEGER", "id of who refers", true},
          {"held", "INTEGER", "id of who is referred to", true},
          {"class", "TEXT", "visited by tp_traverse, owned besides, weak, or a guess", true},
          {"label", "TEXT", "how the holder calls it", true}};
}

std::unique_ptr<QueryTable> refs_table(const HeapTablesInput& input) {
  return std::make_unique<RefsTable>(input);
}

}  // namespace heapglass
