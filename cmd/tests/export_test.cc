// What `export` writes is what `query` answers, in every format.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTables{"objects", "refs", "types", "roots", "threads", "frames", "arenas"};

class Export : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    const PythonProgram target(supported_interpreters().back().path, "growing.py");
    file_ = folder_.file("moment.hg");
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file_}).status, 0);
  }
  Outcome export_as(const std::string& format, const std::string& to,
                    std::vector<std::string> also = {}) const {
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "export", file_, "--format", format, "-o", to};
    command.insert(command.end(), also.begin(), also.end());
    return run_command(command);
  }
  // TABLE=FILE of what `query` answers.
  std::string asked(const std::string& table) const {
    const std::string csv = folder_.file("asked-" + table);
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "query", file_, "SELECT * FROM " + table,
                                         "--limit", "0", "--format", "csv", "--csv-raw", "-o", csv});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return table + "=" + csv;
  }
  Outcome compare(const std::string& format, const std::string& exported,
                  const std::vector<std::string>& tables) const {
    std::vector<std::string> command{"env",   std::string("PYTHONPATH=") + HEAPGLASS_READERS,     "python3",
                                     "-B",    HEAPGLASS_SOURCE_DIR "/testdata/compare_export.py", format,
                                     exported};
    for (const std::string& table : tables) command.push_back(asked(table));
    return run_command(command);
  }
  static void expect_same(const Outcome& compared) {
    EXPECT_EQ(compared.status, 0) << compared.out << compared.err;
    EXPECT_TRUE(std::regex_match(compared.out, std::regex("[1-9][0-9]{4,} cells\n"))) << compared.out;
  }
  TemporaryFolder folder_;
  std::string file_;
};

TEST_F(Export, SqliteHasWhatQueryAnswers) {
  const std::string db = folder_.file("heap.db");
  std::ofstream(db) << "an older one";  // is replaced
  const Outcome outcome = export_as("sqlite", db);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  struct stat found {};
  ASSERT_EQ(stat(db.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  expect_same(compare("sqlite", db, kTables));
}

TEST_F(Export, CsvIsWhatQueryWrites) {
  const std::string folder = folder_.file("tables");
  const Outcome outcome = export_as("csv", folder, {"--csv-raw"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  for (const std::string& table : kTables) {
    const std::string csv = asked(table).substr(table.size() + 1);
    EXPECT_EQ(run_command({"cmp", csv, folder + "/" + table + ".csv"}).status, 0) << table;
  }
  const Outcome again = export_as("csv", folder);
  EXPECT_EQ(again.status, 5) << again.err;
  EXPECT_NE(again.err.find("is there already"), std::string::npos) << again.err;
  // Nothing is left of what came to no end.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 2 + 7);
}

TEST_F(Export, JsonLinesHaveWhatQueryAnswers) {
  const std::string lines = folder_.file("heap.jsonl");
  ASSERT_EQ(export_as("jsonl", lines).status, 0);
  expect_same(compare("jsonl", lines, {"objects", "refs"}));
}

TEST_F(Export, ViewersOfOthersGetTheSameHeap) {
  std::vector<std::string> command{"python3", "-B", HEAPGLASS_SOURCE_DIR "/testdata/compare_viewers.py"};
  for (const std::string format : {"heapsnapshot", "graphml"}) {
    command.push_back(folder_.file("heap." + format));
    ASSERT_EQ(export_as(format, command.back()).status, 0);
    struct stat found {};
    ASSERT_EQ(stat(command.back().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
  }
  const std::string graphml = command.back();
  for (const std::string sql : {"SELECT id, type, size, retained, external FROM objects ORDER BY id",
                                "SELECT holder, held, class, label FROM refs"}) {
    command.push_back(folder_.file("asked" + std::to_string(command.size())));
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "query", file_, sql, "--limit", "0", "--format", "csv",
                           "--csv-raw", "-o", command.back()})
                  .status,
              0);
  }
  const Outcome compared = run_command(command);
  EXPECT_EQ(compared.status, 0) << compared.out << compared.err;
  EXPECT_TRUE(std::regex_match(compared.out, std::regex("[0-9]{4,} objects, [0-9]{4,} references\n")))
      << compared.out;
  if (run_command({"xmllint", "--version"}).status != 0) return;
  const Outcome valid = run_command({"xmllint", "--noout", "--huge", graphml});
  EXPECT_EQ(valid.status, 0) << valid.err.substr(0, 2000);
}

TEST_F(Export, ParquetLiesByServiceHostAndTime) {
  const std::string folder = folder_.file("heaps");
  const Outcome outcome = export_as("parquet", folder, {"--service", "a/shop", "--host", "db1"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const fs::path host = folder + "/service=a%2Fshop/host=db1";
  const fs::path moment = fs::directory_iterator(host)->path();
  EXPECT_TRUE(std::regex_match(moment.filename().string(), std::regex("time=20[0-9]{6}T[0-9]{6}Z")))
      << moment;
  const Outcome compared = compare("parquet", moment, kTables);
  if (compared.status == 77) GTEST_SKIP() << "not read back: " << compared.out;
  expect_same(compared);
  EXPECT_EQ(export_as("parquet", folder, {"--service", "a/shop", "--host", "db1"}).status,
            5);  // that moment is there
}

// As docs/manual.md has it.
TEST_F(Export, DuckDbAsksManySnapshotsWhereTheyLie) {
  const std::string folder = folder_.file("heaps");
  ASSERT_EQ(export_as("parquet", folder, {"--service", "shop", "--host", "db1"}).status, 0);
  ASSERT_EQ(export_as("parquet", folder, {"--service", "shop", "--host", "db2"}).status, 0);
  const Outcome told =
      run_command({"env", std::string("PYTHONPATH=") + HEAPGLASS_READERS, "python3", "-B", "-c",
                   "import sys\ntry: import duckdb\nexcept ImportError: sys.exit(77)\n"
                   "for row in duckdb.sql(\"SELECT service, host, count(*), sum(size), sum(retained) FROM "
                   "read_parquet('" +
                       folder +
                       "/*/*/*/objects.parquet', hive_partitioning=true) GROUP BY ALL ORDER BY "
                       "host\").fetchall(): print(*row, "
                       "sep=',')"});
  if (told.status == 77) GTEST_SKIP() << "duckdb is not here (scripts/setup --tests)";
  const Outcome own =
      run_command({HEAPGLASS_PROGRAM, "query", file_,
                   "SELECT count(*), sum(size), sum(retained) FROM objects", "--format", "csv"});
  std::string row = own.out.substr(own.out.find('\n') + 1);
  row.erase(row.find('\r'));
  EXPECT_EQ(told.out, "shop,db1," + row + "\nshop,db2," + row + "\n") << told.err;
}

// Every sum of the rows is that of the heap, and the suspects are those of `leaks`, as another reader has
// them.
TEST_F(Export, AFleetsFileHasTheSumsOfTheHeap) {
  const std::string folder = folder_.file("fleet");
  const Outcome outcome =
      export_as("fleet", folder, {"--service", "a/shop", "--host", "db1", "--label", "version=1.2"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  std::vector<fs::path> files;
  for (const auto& each : fs::recursive_directory_iterator(folder))
    if (each.is_regular_file()) files.push_back(each.path());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(std::regex_match(files[0].string(),
                               std::regex(".*/fleet/service=a%2Fshop/date=20[0-9]{2}-[0-9]{2}-[0-9]{2}/"
                                          "20[0-9]{6}T[0-9]{6}Z-db1-[0-9]+[.]parquet")))
      << files[0];
  EXPECT_LT(fs::file_size(files[0]), 200'000u);
  const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", file_, "--format", "json", "--limit", "50"});
  ASSERT_EQ(leaks.status, 0) << leaks.err;
  const std::string leaks_file = folder_.file("leaks.json");
  std::ofstream(leaks_file) << leaks.out;
  const Outcome own = run_command(
      {HEAPGLASS_PROGRAM, "query", file_, "SELECT count(*), sum(all_bytes) FROM objects", "--format", "csv"});
  const Outcome told =
      run_command({"env", std::string("PYTHONPATH=") + HEAPGLASS_READERS, "python3", "-B",
                   HEAPGLASS_SOURCE_DIR "/testdata/compare_fleet.py", files[0].string(), leaks_file});
  if (told.status == 77) GTEST_SKIP() << "duckdb is not here (scripts/setup --tests)";
  EXPECT_EQ(told.status, 0) << told.out << told.err;
  std::string row = own.out.substr(own.out.find('\n') + 1);
  row.erase(row.find('\r'));
  EXPECT_EQ(told.out, row + "\n");
}

// And not of the machine that the file was carried to.
TEST_F(Export, TheHostIsThatOfTheCapture) {
  const PythonProgram target(supported_interpreters().back().path, "growing.py");
  const std::string file = folder_.file("carried.hg"), folder = folder_.file("fleet");
  const Outcome there =
      run_command({"unshare", "--uts", "sh", "-c", "hostname db7 && exec \"$0\" snapshot \"$1\" -o \"$2\"",
                   HEAPGLASS_PROGRAM, target.target(), file});
  if (there.status == 1 && there.err.find("unshare") == 0) GTEST_SKIP() << there.err;
  ASSERT_EQ(there.status, 0) << there.err;
  for (const std::string format : {"fleet", "parquet"})
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "export", file, "--format", format, "-o", folder}).status, 0);
  std::vector<std::string> of_db7;
  for (const auto& each : fs::recursive_directory_iterator(folder))
    if (each.path().string().find("host=db7") != std::string::npos ||
        each.path().string().find("Z-db7-") != std::string::npos)
      of_db7.push_back(each.path());
  EXPECT_GE(of_db7.size(), 2u);
}

TEST_F(Export, LabelsOfAFleetAreColumnsThatItHas) {
  const std::string folder = folder_.file("fleet");
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--label", "versoin=1"}, {"--label", "version"}, {"--label", "pod=a", "--label", "pod=b"}}) {
    const Outcome outcome = export_as("fleet", folder, wrong);
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  EXPECT_EQ(export_as("csv", folder, {"--label", "version=1"}).status, 2);
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(Export, OtherFormatsAreRefused) {
  EXPECT_EQ(export_as("xml", folder_.file("heap")).status, 2);
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "export", file_, "--format", "sqlite"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_EQ(export_as("sqlite", folder_.file("nowhere/heap.db")).status, 5);
}

}  // namespace
}  // namespace heapglass
