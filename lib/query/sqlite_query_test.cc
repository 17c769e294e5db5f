#include "lib/query/sqlite_query.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/query/heap_as_tables.h"
#include "lib/query/heap_tables.h"

namespace heapglass {
namespace {

// n and its square, found by n.
class Squares final : public QueryTable {
 public:
  std::string_view name() const override { return "squares"; }
  std::vector<QueryColumn> columns() const override {
    return {{"n", "INTEGER", ""}, {"square", "INTEGER", ""}, {"word", "TEXT", ""}};
  }
  std::uint64_t rows() override { return 1000; }
  QueryValue value(std::uint64_t row, int column) override {
    ++asked;
    if (column == 2) return row % 2 ? QueryValue(std::string_view("odd")) : QueryValue();
    return static_cast<std::int64_t>(column ? row * row : row);
  }
  std::uint64_t rows_found_by(int column) const override { return column == 0 ? 1 : column == 2 ? 500 : 0; }
  QueryRows find(int column, const QueryKey& key) override {
    if (column == 2) return of_word(std::get<std::string_view>(key));
    const std::int64_t wanted = std::get<std::int64_t>(key);
    if (wanted < 0 || wanted >= 1000) return {};
    return QueryRows::these({static_cast<std::uint64_t>(wanted)});
  }
  QueryRows of_word(std::string_view word) {
    std::vector<std::uint64_t> rows;
    for (std::uint64_t row = 1; row < 1000 && word == "odd"; row += 2) rows.push_back(row);
    return QueryRows::these(std::move(rows));
  }
  bool has_order(int column) const override { return column == 2; }
  QueryRows in_order(int) override {
    ++ordered;
    rows_in_order_.clear();
    for (std::uint32_t row = 0; row < 1000; row += 2) rows_in_order_.push_back(row);
    for (std::uint32_t row = 1; row < 1000; row += 2) rows_in_order_.push_back(row);
    return QueryRows::listed(rows_in_order_);
  }
  std::uint64_t asked = 0, ordered = 0;

 private:
  std::vector<std::uint32_t> rows_in_order_;
};

std::int64_t only_number(const QueryResult& result) {
  return result.rows.size() == 1 ? std::get<std::int64_t>(result.rows[0].at(0)) : -1;
}

class Sqlite : public testing::Test {
 protected:
  QueryResult run(const std::string& sql, std::uint64_t most = 0) {
    const QuerySchema schema{{&squares_}, {}};
    return run_query(schema, sql, {.rows = most});
  }
  std::string complaint(const std::string& sql) {
    try {
      run(sql);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return std::string(error.what()) + " | " + error.hint();
    }
  }
  Squares squares_;
};

TEST_F(Sqlite, Reads) {
  EXPECT_EQ(only_number(run("SELECT sum(square) FROM squares")), 332833500);
  EXPECT_EQ(only_number(run("SELECT count(word) FROM squares")), 500);
  const QueryResult rows = run("SELECT n, word AS kind FROM squares WHERE square < 10 ORDER BY n DESC");
  EXPECT_EQ(rows.columns, (std::vector<std::string>{"n", "kind"}));
  ASSERT_EQ(rows.rows.size(), 4u);
  EXPECT_EQ(std::get<std::string>(rows.rows[0][1]), "odd");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(rows.rows[1][1]));
}

TEST_F(Sqlite, LooksUpWhatItCan) {
  EXPECT_EQ(only_number(run("SELECT square FROM squares WHERE n = 31")), 961);
  EXPECT_LT(squares_.asked, 10u);
  EXPECT_EQ(run("SELECT square FROM squares WHERE n = 'no number'").rows.size(), 0u);
  EXPECT_EQ(run("SELECT square FROM squares WHERE n = -5").rows.size(), 0u);
  EXPECT_EQ(only_number(run("SELECT count(*) FROM squares a JOIN squares b ON b.n = a.n + 1 WHERE a.n < 5")),
            5);
}

TEST_F(Sqlite, LooksUpWhatComparesEqual) {
  EXPECT_EQ(only_number(run("SELECT square FROM squares WHERE n = 31.0")), 961);
  EXPECT_EQ(only_number(run("SELECT square FROM squares WHERE n = '31'")), 961);
  EXPECT_EQ(run("SELECT square FROM squares WHERE n = 31.5").rows.size(), 0u);
  EXPECT_EQ(run("SELECT square FROM squares WHERE n = 1e300 OR n = NULL").rows.size(), 0u);
  EXPECT_EQ(only_number(run("SELECT count(n) FROM squares WHERE word = 'odd'")), 500);
  EXPECT_EQ(only_number(run("SELECT count(*) FROM squares WHERE word = 'ODD' COLLATE NOCASE")), 500);
  EXPECT_EQ(only_number(run("SELECT count(*) FROM squares WHERE word IN ('odd', 'even')")), 500);
  EXPECT_EQ(only_number(run("SELECT count(*) FROM squares WHERE word = NULL")), 0);
  EXPECT_EQ(only_number(run("SELECT count(*) FROM squares WHERE word IS NULL")), 500);
  // The dearer look-up is not taken where there is a cheaper one.
  squares_.asked = 0;
  EXPECT_EQ(only_number(run("SELECT square FROM squares WHERE word = 'odd' AND n = 31")), 961);
  EXPECT_LT(squares_.asked, 10u);
}

// Each as SQLite itself has it where a function hides the column from us.
TEST_F(Sqlite, TakesRowsInTheOrderThatATableHas) {
  const auto texts = [](const QueryResult& result) {
    std::string out;
    for (const auto& row : result.rows)
      for (const QueryValue& v : row)
        out += (std::holds_alternative<std::string>(v)    ? std::get<std::string>(v)
                : std::holds_alternative<std::int64_t>(v) ? std::to_string(std::get<std::int64_t>(v))
                                                          : "-") +
               " ";
    return out;
  };
  const std::string word = "word", hidden = "substr(word, 1)";
  struct {
    std::string before, after;
    std::uint64_t ordered;
  } const cases[] = {
      {"SELECT word, count(*), sum(square) FROM squares GROUP BY ", "", 1},
      {"SELECT word, count(*) FROM squares WHERE n > 10 GROUP BY ", " HAVING count(*) > 1", 1},
      {"SELECT word FROM squares ORDER BY ", " LIMIT 501", 1},
      {"SELECT word FROM squares ORDER BY ", " DESC LIMIT 501", 1},
      {"SELECT word, sum(square) FROM squares GROUP BY ", " ORDER BY 2 DESC", 1},
      {"SELECT word, count(*) FROM squares GROUP BY ", ", n % 3", 0},
      {"SELECT count(*) FROM squares WHERE word = 'odd' GROUP BY ", "", 0},
      {"SELECT word, count(*) FROM squares GROUP BY ", " COLLATE NOCASE", 0},
      {"SELECT a.word, count(*) FROM squares a JOIN squares b ON b.n = a.n + 1 GROUP BY a.", "", 1}};
  for (const auto& c : cases) {
    squares_.ordered = 0;
    const std::string told = texts(run(c.before + word + c.after));
    EXPECT_EQ(squares_.ordered, c.ordered) << c.before;
    const bool joined = c.before.ends_with("a.");
    const std::string other =
        joined ? c.before.substr(0, c.before.size() - 2) + "substr(a.word, 1)" : c.before + hidden;
    EXPECT_EQ(told, texts(run(other + c.after))) << c.before;
    EXPECT_EQ(squares_.ordered, c.ordered) << other;
  }
  squares_.ordered = 0;
  EXPECT_EQ(texts(run("SELECT DISTINCT word FROM squares")), "- odd ");
  EXPECT_EQ(squares_.ordered, 1u);
}

TEST_F(Sqlite, StopsWhereAsked) {
  const QueryResult result = run("SELECT n FROM squares", 7);
  EXPECT_EQ(result.rows.size(), 7u);
  EXPECT_TRUE(result.cut);
}

TEST_F(Sqlite, DoesNothingButRead) {
  for (const char* sql :
       {"CREATE TABLE t(a)", "ATTACH 'file' AS f", "PRAGMA journal_mode = DELETE", "DELETE FROM squares",
        "CREATE VIRTUAL TABLE v USING squares", "VACUUM INTO 'file'", "PRAGMA writable_schema = 1",
        "ATTACH ':memory:' AS f", "BEGIN", "UPDATE squares SET n = 1", "SELECT * FROM pragma_database_list",
        "EXPLAIN DELETE FROM squares"})
    EXPECT_NE(complaint(sql), "") << sql;
  EXPECT_NE(complaint("SELECT load_extension('x')"), "");
}

TEST_F(Sqlite, SaysWhatIsWrong) {
  EXPECT_NE(complaint("SELECT colour FROM squares").find("no such column: colour"), std::string::npos);
  EXPECT_NE(complaint("SELECT colour FROM squares").find("at 'colour FROM"), std::string::npos);
  EXPECT_NE(complaint("SELEKT 1").find("syntax error"), std::string::npos);
  EXPECT_NE(complaint("SELECT 1; SELECT 2").find("one query at a time"), std::string::npos);
  EXPECT_NE(complaint("").find("empty"), std::string::npos);
}

TEST(WordsOfSql, AreOfQueriesThatRead) {
  const std::vector<std::string> words = sql_words();
  EXPECT_TRUE(std::is_sorted(words.begin(), words.end()));
  const auto has = [&](const std::string& word) {
    return std::binary_search(words.begin(), words.end(), word);
  };
  for (const char* const word :
       {"SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "WITH", "count", "sum", "json_extract"})
    EXPECT_TRUE(has(word)) << word;
  for (const char* const word : {"DELETE", "INSERT", "ATTACH", "PRAGMA", "DROP", "->", "load"})
    EXPECT_FALSE(has(word)) << word;
  // No keyword is a mere name to SQLite.
  for (const std::string& word : words) {
    if (!std::isupper(static_cast<unsigned char>(word[0])) || word == "FIRST" || word == "LAST") continue;
    EXPECT_ANY_THROW(check_query({}, "SELECT 1 " + word + " 2 3", {})) << word;
  }
}

TEST_F(Sqlite, CallsFunctionsOfOneArgument) {
  const QuerySchema schema{{&squares_}, {{"kind_of", "", [](const QueryValue& argument) -> QueryValue {
                                            return std::int64_t(argument.index());
                                          }}}};
  const QueryResult result = run_query(
      schema, "SELECT kind_of(NULL), kind_of(n), kind_of(n + 0.5), kind_of('x') FROM squares WHERE n = 3",
      {});
  ASSERT_EQ(result.rows.size(), 1);
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_EQ(std::get<std::int64_t>(result.rows[0][i]), i);
  EXPECT_THROW(run_query(schema, "SELECT kind_of()", {}), Error);
  EXPECT_THROW(run_query(schema, "SELECT kind_of(1, 2)", {}), Error);
}

TEST(QueryOfNoHeap, TellsWhatAQueryLooksAt) {
  const NoHeapAsTables tables;
  const auto reads = [&](const std::string& sql) { return check_query(tables.schema(), sql, {}).value(); };
  const auto needs = [&](const std::string& sql) { return needs_references(reads(sql)); };
  using Column = std::pair<std::string, std::string>;
  EXPECT_EQ(reads("SELECT o.type FROM objects AS o WHERE size > 1").columns,
            (std::set<Column>{{"objects", "type"}, {"objects", "size"}}));
  EXPECT_TRUE(reads("SELECT root_path(id) FROM objects").functions.contains("root_path"));
  for (const char* const sql :
       {"SELECT type, count(*), sum(size) FROM objects GROUP BY type", "SELECT * FROM roots",
        "SELECT 'retained'", "SELECT * FROM types, threads, frames, arenas",
        "SELECT count(*) AS owner FROM objects"})
    EXPECT_FALSE(needs(sql)) << sql;
  for (const char* const sql :
       {"SELECT count(*) FROM refs", "SELECT * FROM objects", "SELECT max(x.\"RETAINED\") FROM Objects AS x",
        "SELECT 1 FROM roots ORDER BY (SELECT owner FROM objects LIMIT 1)",
        "WITH o AS (SELECT * FROM objects) SELECT 1 FROM o", "SELECT ROOT_PATH(1)"})
    EXPECT_TRUE(needs(sql)) << sql;
}

TEST(QueryOfNoHeap, IsCheckedByTheColumnsWithoutRunningIt) {
  const auto tables = empty_heap_tables();
  QuerySchema schema;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    EXPECT_EQ(tables[i]->name(), kHeapTableNames[i]);
    EXPECT_FALSE(tables[i]->columns().empty());
    schema.tables.push_back(tables[i].get());
  }
  const auto complaint = [&](const std::string& sql) -> std::string {
    try {
      return check_query(schema, sql, {}) ? "" : "not planned";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_NE(complaint("SELEC 1").find("syntax error"), std::string::npos);
  EXPECT_NE(complaint("SELECT 'a").find("unrecognized token"), std::string::npos);
  EXPECT_NE(complaint("SELECT absent FROM objects").find("no such column: absent"), std::string::npos);
  EXPECT_NE(complaint("SELECT 1 FROM nowhere").find("no such table: nowhere"), std::string::npos);
  EXPECT_NE(complaint("DROP TABLE objects").find("a query reads"), std::string::npos);
  EXPECT_NE(complaint("SELECT 1; SELECT 2").find("one query at a time"), std::string::npos);
  EXPECT_NE(complaint(" -- nothing").find("the query is empty"), std::string::npos);
  EXPECT_EQ(complaint("SELECT o.type, r.label FROM refs r JOIN objects o ON o.id = r.held"), "");
  // Would go on for ever.
  EXPECT_EQ(
      complaint("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"),
      "");
}

}  // namespace
}  // namespace heapglass
