// query: SQL gives what the other commands give.

#include <gtest/gtest.h>

#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class Query : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    target_ = std::make_unique<PythonProgram>(supported_interpreters().back().path, "held.py");
  }
  Outcome run(const std::string& command, const std::vector<std::string>& options) {
    std::vector<std::string> words{HEAPGLASS_PROGRAM, command, target_->target()};
    words.insert(words.end(), options.begin(), options.end());
    return run_command(words);
  }
  // The rows as CSV without their head, line ends as in text.
  std::string query(const std::string& sql) {
    const Outcome outcome = run("query", {sql, "--format", "csv", "--limit", "0"});
    EXPECT_EQ(outcome.status, 0) << sql << ": " << outcome.err;
    std::string text = outcome.out.substr(std::min(outcome.out.size(), outcome.out.find('\n') + 1));
    text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
    return text;
  }
  std::unique_ptr<PythonProgram> target_;
};

TEST_F(Query, CountsAsTheHistogramDoes) {
  const std::string json = run("histogram", {"--format", "json", "--limit", "1"}).out;
  std::smatch total;
  ASSERT_TRUE(std::regex_search(
      json, total, std::regex("\"total\": *\\{[^}]*\"objects\": *(\\d+)[^}]*\"bytes\": *(\\d+)")))
      << json;
  const std::string both = total[1].str() + "," + total[2].str() + "\n";
  EXPECT_EQ(query("SELECT count(*), sum(size) FROM objects"), both);
  EXPECT_EQ(query("SELECT sum(count), sum(bytes) FROM types"), both);
  EXPECT_EQ(query("SELECT count(*) FROM (SELECT type FROM objects GROUP BY type) o LEFT JOIN types t "
                  "ON t.name = o.type WHERE t.name IS NULL"),
            "0\n");
}

TEST_F(Query, HasTheReferencesOfTheExport) {
  const std::string file = TemporaryFolder().path() + ".jsonl";
  ASSERT_EQ(run("export", {"-o", file}).status, 0);
  const Outcome counted = run_command(
      {"python3", "-c",
       "import json, sys; print(sum(len(o['refs'] or ()) for o in map(json.loads, open(sys.argv[1])) "
       "if o['kind'] == 'object'))",
       file});
  run_command({"rm", "-f", file});
  EXPECT_EQ(query("SELECT count(*) FROM refs WHERE class IN ('visited', 'guess')"), counted.out);
}

TEST_F(Query, FollowsReferencesInBothDirections) {
  EXPECT_EQ(query("SELECT h.type, r.label FROM objects o JOIN refs r ON r.held = o.id JOIN objects h ON h.id "
                  "= r.holder "
                  "WHERE o.type = '__main__.InClassAttribute'"),
            "builtins.dict,['first']\n");
  EXPECT_EQ(
      query("SELECT o.type FROM objects h JOIN refs r ON r.holder = h.id JOIN objects o ON o.id = r.held "
            "WHERE h.type = 'functools.partial' AND r.label = 'kw' AND o.length = 1"),
      "builtins.dict\n");
}

TEST_F(Query, KnowsRetainedSizesAndFrames) {
  EXPECT_EQ(query("SELECT retained >= size FROM objects WHERE type = '__main__.InTask'"), "1\n");
  EXPECT_EQ(query("SELECT count(*) FROM frames WHERE function = 'in_thread' AND file LIKE '%held.py'"),
            "1\n");
  EXPECT_EQ(query("SELECT count(*) > 1 FROM threads"), "1\n");
}

TEST_F(Query, RootPathsAreThoseOfPath) {
  for (const std::string type : {"__main__.InClassAttribute", "__main__.InThreadLocal", "__main__.InTask"}) {
    const std::string json = run("path", {"--type", type, "--all", "1", "--format", "json"}).out;
    std::smatch text;
    ASSERT_TRUE(std::regex_search(json, text, std::regex("\"text\": *\"([^\"]*)\""))) << json;
    const std::string found =
        query("SELECT '<' || root_path(id) || '>' FROM objects WHERE type = '" + type + "'");
    EXPECT_NE(found.find("<" + text[1].str() + ">"), std::string::npos) << found << json;
  }
  EXPECT_EQ(query("SELECT root_path(id) IS NULL FROM objects WHERE type = '__main__.InGarbage'"), "1\n");
  EXPECT_EQ(query("SELECT count(root_path(1)) + count(root_path('x')) + count(root_path(NULL))"), "0\n");
}

// References are not looked for where nothing that is computed from them is asked.
TEST_F(Query, IsTheSameWithoutReferences) {
  for (const std::string columns :
       {"* FROM roots", "* FROM types", "* FROM arenas", "* FROM frames",
        "id, type, size, external, refcount, weakrefs, length, tracked, all_bytes FROM objects"}) {
    const std::string alone = query("SELECT " + columns);
    EXPECT_EQ(alone, query("SELECT " + columns + " WHERE (SELECT count(*) FROM refs) > 0")) << columns;
    EXPECT_FALSE(alone.empty()) << columns;
  }
}

TEST_F(Query, OwnersAndRetainedSizesComeWithAllColumns) {
  // With nobody having named the columns.
  const std::string star =
      query("SELECT count(*) FROM (SELECT * FROM objects) WHERE retained IS NULL OR owner IS NULL");
  EXPECT_EQ(star, "0\n");
  EXPECT_EQ(
      query("SELECT owner FROM objects WHERE type = '__main__.InClassAttribute'"),
      query(
          "SELECT owner FROM objects o JOIN refs r ON r.holder = o.id WHERE r.held = (SELECT id FROM objects "
          "WHERE type = '__main__.InClassAttribute')"));
  EXPECT_EQ(query("SELECT owner LIKE '%.local%' FROM objects WHERE type = '__main__.InThreadLocal'"), "1\n");
  EXPECT_EQ(query("SELECT owner FROM objects WHERE type = '__main__.InGarbage'"), "garbage\n");
}

// As leaks, retained and the others count them.
TEST_F(Query, AllBytesAreThoseOfTheOtherCommands) {
  const std::string json = run("leaks", {"--format", "json", "--limit", "1"}).out;
  std::smatch figures;
  ASSERT_TRUE(std::regex_search(json, figures, std::regex("\"heap_bytes\": *(\\d+)"))) << json;
  EXPECT_EQ(query("SELECT sum(all_bytes) FROM objects"), figures[1].str() + "\n");
  EXPECT_EQ(query("SELECT count(*) FROM objects WHERE all_bytes < size"), "0\n");
}

TEST_F(Query, ArenasAreThoseOfTheBill) {
  const std::string json = run("memory", {"--format", "json"}).out;
  std::smatch figures;
  ASSERT_TRUE(std::regex_search(
      json, figures, std::regex("\"pymalloc\": *\\{[^}]*\"arenas\": *(\\d+)[^}]*\"used_bytes\": *(\\d+)")))
      << json;
  EXPECT_EQ(query("SELECT count(*), sum(used) FROM arenas WHERE allocator = 'pymalloc'"),
            figures[1].str() + "," + figures[2].str() + "\n");
  EXPECT_EQ(
      query("SELECT sum(size = used + free + overhead) = count(*) FROM arenas WHERE allocator = 'pymalloc'"),
      "1\n");
  EXPECT_EQ(query("SELECT (SELECT sum(objects) FROM arenas) = count(*) FROM objects o JOIN arenas a ON "
                  "a.allocator = 'pymalloc' AND o.id >= a.start AND o.id < a.start + a.size"),
            "1\n");
}

TEST_F(Query, FindsTypesByName) {
  EXPECT_EQ(query("SELECT count(*), sum(size) FROM objects WHERE type = 'builtins.tuple'"),
            query("SELECT count(*), sum(size) FROM objects WHERE type || '' = 'builtins.tuple'"));
  EXPECT_EQ(query("SELECT count(*) FROM objects WHERE type = 'builtins.tupl'"), "0\n");
}

TEST_F(Query, ReferencesToTheSameHaveEachItsName) {
  const std::string names =
      "SELECT label FROM refs WHERE holder = (SELECT r.held FROM refs r JOIN objects o ON "
      "o.id = r.holder WHERE r.label = 'twice' AND o.type = 'builtins.dict')";
  EXPECT_EQ(query(names), "[0]\n[1]\n[2]\n");
}

TEST_F(Query, RefusesWhatIsNoQuery) {
  EXPECT_EQ(run("query", {}).status, 2);
  const Outcome outcome = run("query", {"DELETE FROM objects"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  for (const char* const sql : {"ATTACH '/tmp/other.db' AS other", "PRAGMA journal_mode = WAL",
                                "SELECT load_extension('libc.so.6')", "VACUUM INTO '/tmp/other.db'"})
    EXPECT_EQ(run("query", {sql}).status, 2) << sql;
  EXPECT_EQ(run("query", {"--tables", "--format", "csv"}).out.rfind("table,column,type", 0), 0u);
}

}  // namespace
}  // namespace heapglass
