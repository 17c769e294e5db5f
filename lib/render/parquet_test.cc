// What others read of our Parquet files.
#include "lib/render/parquet.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

namespace heapglass {
namespace {

class MadeUp final : public QueryTable {
 public:
  using Value = std::function<QueryValue(std::uint64_t row, int column)>;
  MadeUp(std::uint64_t rows, Value value) : rows_(rows), value_(std::move(value)) {}
  std::string_view name() const override { return "made_up"; }
  std::vector<QueryColumn> columns() const override {
    return {{"n", "INTEGER", ""}, {"d", "REAL", ""}, {"t", "TEXT", ""}};
  }
  std::uint64_t rows() override { return rows_; }
  QueryValue value(std::uint64_t row, int column) override { return value_(row, column); }

 private:
  const std::uint64_t rows_;
  const Value value_;
};

// Of every value, as both readers are asked for it.
std::string told(QueryTable& table) {
  std::ostringstream out;
  for (std::uint64_t row = 0; row < table.rows(); ++row)
    for (int column = 0; column < 3; ++column) {
      const QueryValue value = table.value(row, column);
      if (const auto* n = std::get_if<std::int64_t>(&value)) out << *n;
      if (const auto* d = std::get_if<double>(&value)) out << static_cast<std::int64_t>(*d * 4);
      if (const auto* s = std::get_if<std::string>(&value)) out << '"' << *s << '"';
      if (const auto* s = std::get_if<std::string_view>(&value)) out << '"' << *s << '"';
      out << (column == 2 ? '\n' : '|');
    }
  return out.str();
}

constexpr const char* kReader = R"py(
import sys
try:
    import duckdb, pyarrow.parquet
except ImportError:
    sys.exit(77)
path, expected = sys.argv[1], open(sys.argv[2], encoding="utf-8").read()
def text(rows):
    return "".join("|".join(("" if n is None else str(n), "" if d is None else str(int(d * 4)),
                             "" if t is None else '"%s"' % t)) + "\n" for n, d, t in rows)
table = pyarrow.parquet.read_table(path)
assert [str(c.type) for c in table.schema] == ["int64", "double", "string"], table.schema
assert text(zip(*(table[c].to_pylist() for c in "ndt"))) == expected, "pyarrow"
duckdb.sql("SET threads = 1; SET preserve_insertion_order = true")
assert text(duckdb.sql("SELECT n, d, t FROM read_parquet('%s')" % path).fetchall()) == expected, "duckdb"
)py";

void expect_read_alike(QueryTable& table) {
  char folder[] = "/tmp/heapglass-parquet-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string base = folder, path = base + "/t.parquet", expected = base + "/expected";
  {
    std::ofstream out(path, std::ios::binary);
    write_parquet(table, out);
    ASSERT_TRUE(out.good());
  }
  std::ofstream(expected) << told(table);
  std::ofstream(base + "/reader.py") << kReader;
  const std::string command =
      "PYTHONPATH=" HEAPGLASS_READERS " python3 -B " + base + "/reader.py " + path + " " + expected;
  const int status = std::system(command.c_str());
  for (const std::string& each : {path, expected, base + "/reader.py"}) unlink(each.c_str());
  rmdir(folder);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "pyarrow and DuckDB are not here (scripts/setup --tests)";
  EXPECT_EQ(status, 0);
}

TEST(Parquet, HasNoRows) {
  MadeUp table(0, [](std::uint64_t, int) { return QueryValue(); });
  expect_read_alike(table);
}

TEST(Parquet, HasNothingButNulls) {
  MadeUp table(1000, [](std::uint64_t, int) { return QueryValue(); });
  expect_read_alike(table);
}

// More than one row group; texts that repeat, in the first a single one.
TEST(Parquet, HasTextsThatRepeatAndNullsBetween) {
  MadeUp table(300'000, [](std::uint64_t row, int column) {
    if (row % 7 == static_cast<std::uint64_t>(column)) return QueryValue();
    if (column == 0) return QueryValue(static_cast<std::int64_t>(row * 0x9e3779b97f4a7c15));
    if (column == 1) return QueryValue(static_cast<double>(row) / 4);
    return QueryValue(row < 131'072 ? std::string("one") : "t" + std::to_string(row % 1025));
  });
  expect_read_alike(table);
}

// Each of its own, in more pages than one; some longer than a page.
TEST(Parquet, HasTextsOfTheirOwn) {
  MadeUp table(140'000, [](std::uint64_t row, int column) {
    if (column == 0) return QueryValue(static_cast<std::int64_t>(0));
    if (column == 1) return QueryValue(-0.25);
    if (row % 50'000 == 9) return QueryValue(std::string(1'500'000, 'x'));
    return QueryValue("\xc3\xa9 " + std::to_string(row) + std::string(row % 40, '.'));
  });
  expect_read_alike(table);
}

// Numbers in the dictionary of 1, 8, 9 and 16 bits.
TEST(Parquet, HasDictionariesOfEveryWidth) {
  for (const std::uint64_t texts : {2, 256, 257, 65'536}) {
    MadeUp table(131'072, [&](std::uint64_t row, int column) {
      if (column < 2) return QueryValue();
      return QueryValue(std::to_string(row % texts));
    });
    expect_read_alike(table);
    if (testing::Test::IsSkipped()) return;
  }
}

}  // namespace
}  // namespace heapglass
