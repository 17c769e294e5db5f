// Names that attack whoever shows them, in every format that the program has: testdata/check_hidden.py, which
// shares nothing with it, reads what was written.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

// What shows the names in a format; one that is not here fails the test.
const std::map<std::string, std::vector<Words>> kCommandsOfFormat = [] {
  const Words picture{"backrefs", "--type", "__main__.Treasure", "--max-depth", "5", "--too-many",
                      "60",       "--force"};
  Words objgraph = picture;
  objgraph.insert(objgraph.end(), {"--style", "objgraph"});
  const std::vector<Words> tables{
      {"histogram", "--limit", "0"},
      {"objects", "--type", "dict", "--paths", "--limit", "0"},
      {"stacks", "--locals"},
      {"leaks"},
      {"garbage"},
      {"memory"},
      {"info"},
      {"retained"},
      {"path", "--type", "__main__.Treasure"},
      {"query", "SELECT type, repr FROM objects WHERE type LIKE '%name%' OR repr LIKE '%name%'", "--limit",
       "0"},
      {"query", "SELECT name FROM types", "--limit", "0"},
      picture};
  const std::vector<Words> pictures{picture, objgraph}, profiles{{"retained"}};
  return std::map<std::string, std::vector<Words>>{
      {"text", tables},   {"json", tables},   {"csv", tables},          {"dot", pictures},  {"svg", pictures},
      {"png", {picture}}, {"pdf", {picture}}, {"speedscope", profiles}, {"pprof", profiles}};
}();

// What a command writes, from its own complaint about a format that there is not.
Words formats_of(const std::string& command) {
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, command, "1", "--format", "none-such"});
  const std::regex list(": use (.*)"), name("[a-z]+");
  std::smatch told;
  if (!std::regex_search(outcome.err, told, list)) return {};
  Words names;
  const std::string all = told[1];
  for (std::sregex_iterator at(all.begin(), all.end(), name), end; at != end; ++at)
    if (at->str() != "or") names.push_back(at->str());
  return names;
}

class HostileNames : public testing::TestWithParam<Interpreter> {
 protected:
  // Runs a command on the snapshot; what it writes, and says, is to be checked.
  void write(const std::string& kind, Words command, const std::string& name) {
    const std::string file = folder_.file(name);
    command.insert(command.begin(), HEAPGLASS_PROGRAM);
    command.insert(command.end(), {"-o", file});
    const Outcome outcome = run_command(command);
    EXPECT_EQ(outcome.status, 0) << name << ": " << outcome.err;
    check(kind, file);
    said(outcome.err + outcome.out, name);
  }
  void said(const std::string& text, const std::string& name) {
    const std::string file = folder_.file(name + ".said");
    std::ofstream(file) << text;
    check("text", file);
  }
  void check(const std::string& kind, const std::string& file) { checked_.push_back(kind + "=" + file); }
  Words on_snapshot(Words command, const Words& also = {}) const {
    command.insert(command.begin() + 1, snapshot_);
    command.insert(command.end(), also.begin(), also.end());
    return command;
  }

  void write_formats() {
    std::set<std::string> all;
    for (const char* command : {"histogram", "backrefs", "retained"})
      for (const std::string& name : formats_of(command)) all.insert(name);
    ASSERT_GE(all.size(), 9u);
    for (const std::string& name : all) {
      const auto commands = kCommandsOfFormat.find(name);
      ASSERT_NE(commands, kCommandsOfFormat.end()) << "a format that nothing here checks: " << name;
      int n = 0;
      for (const Words& command : commands->second)
        write(name, on_snapshot(command, {"--format", name}),
              name + "-" + std::to_string(n++) + "-" + command.front());
    }
  }
  void write_exports() {
    const std::map<std::string, std::string> kinds{
        {"jsonl", "exact-jsonl"}, {"sqlite", "sqlite"},     {"csv", "csv"},     {"parquet", "parquet"},
        {"fleet", "parquet"},     {"heapsnapshot", "json"}, {"graphml", "xml"}, {"pprof", "pprof"}};
    const Words all = formats_of("export");
    ASSERT_GE(all.size(), 4u);
    for (const std::string& format : all) {
      const auto kind = kinds.find(format);
      ASSERT_NE(kind, kinds.end()) << "an export that nothing here checks: " << format;
      const std::string to = folder_.file("export." + format);
      const Outcome outcome =
          run_command({HEAPGLASS_PROGRAM, "export", snapshot_, "--format", format, "-o", to});
      EXPECT_EQ(outcome.status, 0) << format << ": " << outcome.err;
      said(outcome.err, "export." + format);
      if (fs::is_directory(to)) {
        for (const auto& each : fs::recursive_directory_iterator(to))
          if (each.is_regular_file()) check(kind->second, each.path());
      } else {
        check(kind->second, to);
      }
    }
  }

  const TemporaryFolder folder_;
  const std::string names_ = folder_.file("names.json"), snapshot_ = folder_.file("moment.hg");
  Words checked_;
};

TEST_P(HostileNames, AreSpelledOutInEveryFormat) {
  const PythonProgram program(GetParam().path, "hostile_names.py", {names_});
  const std::string gauges = folder_.file("shop.prom");
  const Outcome taken =
      run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", snapshot_, "--openmetrics", gauges,
                   "--metrics-top", "0", "--service", "a\x1b[31m\"shop\"\u202e"});
  ASSERT_EQ(taken.status, 0) << taken.err;
  check("openmetrics", gauges);
  write_formats();
  write_exports();
  write("exact-json", on_snapshot({"histogram", "--limit", "0", "--format", "json"}), "exact");
  write("raw-csv", on_snapshot({"histogram", "--limit", "0", "--format", "csv", "--csv-raw"}), "raw");
  write("text", on_snapshot({"histogram", "--style", "objgraph", "--longnames", "--limit", "0"}),
        "most-common");
  write("text", on_snapshot({"diff", snapshot_, "--style", "growth", "--longnames", "--limit", "0"}),
        "growth");
  for (const std::string format : {"text", "json", "csv"})
    write(format == "json" ? "jsonl" : format,
          {"watch", program.target(), "--interval", "1s", "--duration", "1s", "--top", "100", "--format",
           format},
          "watch-" + format);
  // Of the command line, too.
  for (const Words& command : {Words{"histogram", snapshot_, "--type", "a\x1b[31m\u202e\u200b"},
                               Words{"query", snapshot_, "SELECT 1 AS \"\x1b[31m=\u202e\""},
                               Words{"query", snapshot_, "SELECT \x1b[31m\u202e"},
                               Words{"info", "/tmp/no\x1b[31m\u202e\u2028"}, Words{"\x1b[31m\u202e"}}) {
    Words all = command;
    all.insert(all.begin(), HEAPGLASS_PROGRAM);
    const Outcome outcome = run_command(all);
    said(outcome.out + outcome.err, "said" + std::to_string(checked_.size()));
  }
  Words checker{"python3", "-B", HEAPGLASS_SOURCE_DIR "/testdata/check_hidden.py", names_};
  checker.insert(checker.end(), checked_.begin(), checked_.end());
  const Outcome checked = run_command(checker);
  EXPECT_EQ(checked.status, 0) << checked.out.substr(0, 5000) << checked.err;
}

INSTANTIATE_TEST_SUITE_P(Live, HostileNames, testing::ValuesIn(interpreters_of_the_day("HostileNames")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HostileNames);

}  // namespace
}  // namespace heapglass
