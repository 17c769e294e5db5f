// The tables of few rows, each made when it is first asked for.
#include "lib/compare/histogram.h"
#include "lib/python/describe.h"
#include "lib/query/heap_table_parts.h"

namespace heapglass {
namespace {

using Rows = std::vector<std::vector<QueryValue>>;

class SmallTable final : public QueryTable {
 public:
  SmallTable(std::string_view name, std::vector<QueryColumn> columns, std::function<Rows()> make)
      : name_(name), columns_(std::move(columns)), make_(std::move(make)) {}
  std::string_view name() const override { return name_; }
  std::vector<QueryColumn> columns() const override { return columns_; }
  std::uint64_t rows() override { return all().size(); }
  QueryValue value(std::uint64_t row, int column) override {
    return all()[row][static_cast<std::size_t>(column)];
  }

 private:
  const Rows& all() {
    if (!rows_) rows_ = make_();
    return *rows_;
  }
  const std::string_view name_;
  const std::vector<QueryColumn> columns_;
  const std::function<Rows()> make_;
  std::optional<Rows> rows_;
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

std::uint64_t thread_number(const PyThread& t) { return t.native_id ? t.native_id : t.thread_id; }

Rows type_rows(const HeapTablesInput& in) {
  Rows rows;
  for (const TypeCount& row : histogram(in.graph, &in.types.objects()))
    rows.push_back(
        {row.type, query_number(row.count), query_number(row.bytes), query_number(row.external_bytes)});
  return rows;
}

Rows root_rows(const HeapTablesInput& in) {
  Rows rows;
  for (const GraphRoot& root : in.graph.roots)
    rows.push_back({query_number(in.graph.index->address(root.node)), root_kind(root.kind), root.holder,
                    edge_label(in.types, root.edge, true), std::int64_t{root.guess}});
  return rows;
}

Rows thread_rows(const HeapTablesInput& in) {
  Rows rows;
  for (const PyInterpreter& i : in.interpreters)
    for (const PyThread& t : i.threads)
      rows.push_back({query_number(thread_number(t)), i.id, query_number(t.frames.size()),
                      is_null(i.gil) ? QueryValue() : std::int64_t{i.gil_holder == t.tstate}});
  return rows;
}

Rows frame_rows(const HeapTablesInput& in) {
  Rows rows;
  for (const PyInterpreter& i : in.interpreters)
    for (const PyThread& t : i.threads)
      for (std::size_t depth = 0; depth < t.frames.size(); ++depth) {
        const PyFrame& f = t.frames[depth];
        rows.push_back({query_number(thread_number(t)), query_number(depth), f.file,
                        f.line ? QueryValue(std::int64_t{f.line}) : QueryValue(), f.function});
      }
  return rows;
}

Rows arena_rows(const HeapTablesInput& in) {
  const auto known = [](std::optional<std::uint64_t> n) { return n ? query_number(*n) : QueryValue(); };
  Rows rows;
  for (const ArenaRow& a : in.arenas())
    rows.push_back({query_number(a.start), a.allocator, query_number(a.size), known(a.used), known(a.free),
                    known(a.overhead), known(a.objects)});
  return rows;
}

}  // namespace

std::vector<QueryColumn> types_columns() {
  return {{"name", "TEXT", "module.qualname"},
          {"count", "INTEGER", "objects"},
          {"bytes", "INTEGER", "sys.getsizeof of all of them"},
          {"external", "INTEGER", "bytes in buffers of their own"}};
}

std::vector<QueryColumn> roots_columns() {
  return {{"id", "INTEGER", "the object held"},
          {"kind", "TEXT", "of the holder"},
          {"holder", "TEXT", "who holds it"},
          {"label", "TEXT", "how it has it"},
          {"guess", "INTEGER", "1: may be stale"}};
}

std::vector<QueryColumn> threads_columns() {
  return {{"thread", "INTEGER", "native id"},
          {"interpreter", "INTEGER", "its number"},
          {"frames", "INTEGER", "Python frames"},
          {"gil", "INTEGER", "1: it has the interpreter's lock; NULL: there is none"}};
}

std::vector<QueryColumn> frames_columns() {
  return {{"thread", "INTEGER", "native id"},
          {"depth", "INTEGER", "0: the innermost"},
          {"file", "TEXT", "of its code"},
          {"line", "INTEGER", "where it is"},
          {"function", "TEXT", "its name"}};
}

std::vector<QueryColumn> arenas_columns() {
  return {{"start", "INTEGER", "address; of glibc's arenas that of their state"},
          {"allocator", "TEXT", "pymalloc or glibc malloc"},
          {"size", "INTEGER", "bytes that it has of the system"},
          {"used", "INTEGER", "bytes handed out"},
          {"free", "INTEGER", "bytes that wait to be handed out again"},
          {"overhead", "INTEGER", "bytes of headers, and of what fills no pool"},
          {"objects", "INTEGER", "objects that lie in it"}};
}

std::unique_ptr<QueryTable> types_table(const HeapTablesInput& in) {
  return std::make_unique<SmallTable>("types", types_columns(), [in] { return type_rows(in); });
}

std::unique_ptr<QueryTable> roots_table(const HeapTablesInput& in) {
  return std::make_unique<SmallTable>("roots", roots_columns(), [in] { return root_rows(in); });
}

std::unique_ptr<QueryTable> threads_table(const HeapTablesInput& in) {
  return std::make_unique<SmallTable>("threads", threads_columns(), [in] { return thread_rows(in); });
}

std::unique_ptr<QueryTable> frames_table(const HeapTablesInput& in) {
  return std::make_unique<SmallTable>("frames", frames_columns(), [in] { return frame_rows(in); });
}

std::unique_ptr<QueryTable> arenas_table(const HeapTablesInput& in) {
  return std::make_unique<SmallTable>("arenas", arenas_columns(), [in] { return arena_rows(in); });
}

}  // namespace heapglass
