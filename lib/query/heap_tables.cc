#include "lib/query/heap_tables.h"

#include <algorithm>
#include <unordered_map>

#include "lib/analysis/histogram.h"
#include "lib/python/describe.h"
#include "lib/python/sizes.h"
#include "lib/python/weak_references.h"

namespace heapglass {
namespace {

QueryValue number(std::uint64_t n) { return static_cast<std::int64_t>(n); }

std::string_view class_name(EdgeClass cls) {
  switch (cls) {
    case EdgeClass::kVisited:
      return "visited";
    case EdgeClass::kOwned:
      return "owned";
    case EdgeClass::kWeak:
      return "weak";
    case EdgeClass::kGuess:
      return "guess";
  }
  return "?";
}

// A row of a table's columns: its name, and how its value is made.
template <class Of>
struct Made {
  QueryColumn column;
  QueryValue (*value)(Of&, std::uint64_t row);
};

template <class Of, std::size_t N>
std::vector<QueryColumn> columns_of(const Made<Of> (&made)[N]) {
  std::vector<QueryColumn> out;
  for (const auto& m : made) out.push_back(m.column);
  return out;
}

class ObjectsTable final : public QueryTable {
 public:
  explicit ObjectsTable(const HeapTablesInput& input) : in(input) {}
  std::string_view name() const override { return "objects"; }
  std::vector<QueryColumn> columns() const override { return columns_of(kColumns); }
  std::uint64_t rows() const override { return in.graph.nodes(); }
  QueryValue value(std::uint64_t row, int column) override { return kColumns[column].value(*this, row); }
  bool can_find(int column) const override { return column == 0; }
  QueryRows find(int, std::int64_t wanted) override {
    const NodeId n = in.graph.index->find(Address{static_cast<std::uint64_t>(wanted)});
    return n == kNoNode ? QueryRows{} : QueryRows{index(n), std::uint64_t{index(n)} + 1, {}, true};
  }

  const HeapTablesInput in;

 private:
  Address at(std::uint64_t row) const {
    return in.graph.index->address(NodeId{static_cast<std::uint32_t>(row)});
  }
  const GraphType& type(std::uint64_t row) const { return in.graph.types[in.graph.type[row]]; }
  static const Made<ObjectsTable> kColumns[10];
};

const Made<ObjectsTable> ObjectsTable::kColumns[10] = {
    {{"id", "INTEGER", "address"},
     [](ObjectsTable& t, std::uint64_t row) { return number(heapglass::value(t.at(row))); }},
    {{"type", "TEXT", "module.qualname"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue { return t.type(row).name; }},
    {{"size", "INTEGER", "sys.getsizeof"},
     [](ObjectsTable& t, std::uint64_t row) { return number(t.in.graph.size[row]); }},
    {{"external", "INTEGER", "bytes in buffers of its own"},
     [](ObjectsTable& t, std::uint64_t row) {
       return number(
           external_of(t.in.types.objects(), t.at(row), *t.type(row).info, t.in.graph.size[row]).bytes);
     }},
    {{"retained", "INTEGER", "bytes that would be freed with it"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       if (!t.in.values.retained) return {};
       return number(t.in.values.retained(NodeId{static_cast<std::uint32_t>(row)}));
     }},
    {{"refcount", "INTEGER", "as it stands in memory"},
     [](ObjectsTable& t, std::uint64_t row) { return number(t.in.types.objects().refcount(t.at(row))); }},
    {{"weakrefs", "INTEGER", "weak references to it"},
     [](ObjectsTable& t, std::uint64_t row) {
       return number(weak_reference_count(t.in.types, t.at(row), *t.type(row).info));
     }},
    {{"length", "INTEGER", "of containers, str and bytes"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       const auto length = t.in.values.length(t.at(row));
       return length ? number(*length) : QueryValue();
     }},
    {{"tracked", "INTEGER", "1: on the collector's lists"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       return std::int64_t{is_tracked(t.in.types.objects(), t.at(row), *t.type(row).info)};
     }},
    {{"repr", "TEXT", "structural, cut"},
     [](ObjectsTable& t, std::uint64_t row) -> QueryValue {
       return short_repr(t.in.types, t.at(row), *t.type(row).info);
     }},
};

class RefsTable final : public QueryTable {
 public:
  explicit RefsTable(const HeapTablesInput& input) : in_(input) {}
  std::string_view name() const override { return "refs"; }
  std::vector<QueryColumn> columns() const override {
    return {{"holder", "INTEGER", "id of who refers"},
            {"held", "INTEGER", "id of who is referred to"},
            {"class", "TEXT", "visited by tp_traverse, owned besides, weak, or a guess"},
            {"label", "TEXT", "how the holder calls it"}};
  }
  std::uint64_t rows() const override { return in_.graph.referent.size(); }
  QueryValue value(std::uint64_t row, int column) override {
    const HeapGraph& g = in_.graph;
    const NodeId held = g.referent[row];
    switch (column) {
      case 0:
        return number(heapglass::value(g.index->address(holder_of(row))));
      case 1:
        return number(heapglass::value(g.index->address(held)));
      case 2:
        return std::string(class_name(g.edge_class[row]));
      default: {
        const auto labels = in_.labels.between(holder_of(row), held);
        return labels.empty() ? QueryValue() : QueryValue(labels[0].text);
      }
    }
  }
  bool can_find(int column) const override { return column < 2; }
  QueryRows find(int column, std::int64_t wanted) override {
    const HeapGraph& g = in_.graph;
    const NodeId n = g.index->find(Address{static_cast<std::uint64_t>(wanted)});
    if (n == kNoNode) return {};
    if (column == 0) return {g.first_edge[index(n)], g.first_edge[index(n) + 1], {}, true};
    QueryRows out;
    out.is_range = false;
    NodeId before = kNoNode;
    for (const NodeId holder : in_.labels.referrers().of(n)) {
      if (holder == before) continue;  // one that refers to it several times is listed so
      before = holder;
      for (std::uint64_t e = g.first_edge[index(holder)]; e < g.first_edge[index(holder) + 1]; ++e)
        if (g.referent[e] == n) out.some.push_back(e);
    }
    std::sort(out.some.begin(), out.some.end());
    out.some.erase(std::unique(out.some.begin(), out.some.end()), out.some.end());
    return out;
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

  const HeapTablesInput in_;
  std::uint32_t last_ = 0;
};

// A table whose rows are known beforehand, being few.
class SmallTable final : public QueryTable {
 public:
  SmallTable(std::string_view name, std::vector<QueryColumn> columns)
      : name_(name), columns_(std::move(columns)) {}
  void add(std::vector<QueryValue> row) { rows_.push_back(std::move(row)); }
  std::string_view name() const override { return name_; }
  std::vector<QueryColumn> columns() const override { return columns_; }
  std::uint64_t rows() const override { return rows_.size(); }
  QueryValue value(std::uint64_t row, int column) override {
    return rows_[row][static_cast<std::size_t>(column)];
  }

 private:
  const std::string_view name_;
  const std::vector<QueryColumn> columns_;
  std::vector<std::vector<QueryValue>> rows_;
};

std::string_view root_kind(RootKind kind) {
  switch (kind) {
    case RootKind::kInterpreter:
      return "interpreter";
    case RootKind::kThreadState:
      return "thread";
    case RootKind::kFrame:
      return "frame";
    case RootKind::kStaticType:
      return "static type";
  }
  return "?";
}

std::unique_ptr<QueryTable> types_table(const HeapTablesInput& in) {
  auto table = std::make_unique<SmallTable>(
      "types", std::vector<QueryColumn>{{"name", "TEXT", "module.qualname"},
                                        {"count", "INTEGER", "objects"},
                                        {"bytes", "INTEGER", "sys.getsizeof of all of them"},
                                        {"external", "INTEGER", "bytes in buffers of their own"}});
  for (const TypeCount& row : histogram(in.graph, &in.types.objects()))
    table->add({row.type, number(row.count), number(row.bytes), number(row.external_bytes)});
  return table;
}

std::unique_ptr<QueryTable> roots_table(const HeapTablesInput& in) {
  auto table = std::make_unique<SmallTable>(
      "roots", std::vector<QueryColumn>{{"id", "INTEGER", "the object held"},
                                        {"kind", "TEXT", "of the holder"},
                                        {"holder", "TEXT", ""},
                                        {"label", "TEXT", "how it has it"},
                                        {"guess", "INTEGER", "1: may be stale"}});
  for (const GraphRoot& root : in.graph.roots)
    table->add({number(value(in.graph.index->address(root.node))), std::string(root_kind(root.kind)),
                root.holder, edge_label(in.types, root.edge, true), std::int64_t{root.guess}});
  return table;
}

std::unique_ptr<QueryTable> threads_table(const HeapTablesInput& in) {
  auto table = std::make_unique<SmallTable>("threads",
                                            std::vector<QueryColumn>{{"thread", "INTEGER", "native id"},
                                                                     {"interpreter", "INTEGER", "its number"},
                                                                     {"frames", "INTEGER", "Python frames"}});
  for (const PyInterpreter& i : in.interpreters)
    for (const PyThread& t : i.threads)
      table->add({number(t.native_id ? t.native_id : t.thread_id), i.id, number(t.frames.size())});
  return table;
}

std::unique_ptr<QueryTable> frames_table(const HeapTablesInput& in) {
  auto table = std::make_unique<SmallTable>("frames",
                                            std::vector<QueryColumn>{{"thread", "INTEGER", "native id"},
                                                                     {"depth", "INTEGER", "0: the innermost"},
                                                                     {"file", "TEXT", ""},
                                                                     {"line", "INTEGER", ""},
                                                                     {"function", "TEXT", ""}});
  for (const PyInterpreter& i : in.interpreters)
    for (const PyThread& t : i.threads)
      for (std::size_t depth = 0; depth < t.frames.size(); ++depth) {
        const PyFrame& f = t.frames[depth];
        table->add({number(t.native_id ? t.native_id : t.thread_id), number(depth), f.file,
                    f.line ? QueryValue(std::int64_t{f.line}) : QueryValue(), f.function});
      }
  return table;
}

}  // namespace

std::vector<std::unique_ptr<QueryTable>> heap_tables(const HeapTablesInput& input) {
  std::vector<std::unique_ptr<QueryTable>> tables;
  tables.push_back(std::make_unique<ObjectsTable>(input));
  tables.push_back(std::make_unique<RefsTable>(input));
  tables.push_back(types_table(input));
  tables.push_back(roots_table(input));
  tables.push_back(threads_table(input));
  tables.push_back(frames_table(input));
  return tables;
}

}  // namespace heapglass
