// The command line as a person and a script meet it: options, formats, exit codes, messages.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

Outcome heapglass(std::vector<std::string> arguments, const std::string& out_path = "") {
  arguments.insert(arguments.begin(), HEAPGLASS_PROGRAM);
  return run_command(arguments, "", out_path);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Whether the JSON text `d` makes a Python expression true.
testing::AssertionResult json_holds(const std::string& text, const std::string& expression) {
  const std::string program =
      "import json, sys\nd = json.load(sys.stdin)\nif not (" + expression + "): sys.exit('is false')";
  const Outcome outcome = run_command({"python3", "-c", program}, text);
  if (outcome.status == 0) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << expression << ": " << outcome.err << "in: " << text.substr(0, 2000);
}

std::string file_start(const std::string& path, std::size_t size) {
  std::ifstream file(path, std::ios::binary);
  std::string start(size, '\0');
  file.read(start.data(), static_cast<std::streamsize>(size));
  start.resize(static_cast<std::size_t>(file.gcount()));
  return start;
}

// ---- what needs no target

TEST(CommandLine, HelpNamesEveryCommand) {
  const Outcome outcome = heapglass({"--help"});
  EXPECT_EQ(outcome.status, 0);
  for (const char* command : {"info", "histogram", "objects", "backrefs", "export"}) {
    EXPECT_TRUE(has(outcome.out, command)) << outcome.out;
  }
}

TEST(CommandLine, EachCommandHelps) {
  for (const char* command : {"info", "histogram", "objects", "backrefs", "export"}) {
    const Outcome outcome = heapglass({command, "--help"});
    EXPECT_EQ(outcome.status, 0) << command;
    EXPECT_TRUE(has(outcome.out, command)) << outcome.out;
  }
}

TEST(CommandLine, TellsItsVersion) {
  const Outcome outcome = heapglass({"--version"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out.rfind("heapglass 0.", 0), 0u) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "Apache License 2.0")) << outcome.out;
}

struct WrongLine {
  std::vector<std::string> arguments;
  std::string says;  // part of the message
};

// How GoogleTest and ctest show one; without this, its bytes, other ones each time.
void PrintTo(const WrongLine& line, std::ostream* out) {
  *out << "heapglass";
  for (const std::string& word : line.arguments) {
    *out << " " << word;
  }
}

class WrongCommandLine : public testing::TestWithParam<WrongLine> {};

TEST_P(WrongCommandLine, IsRefusedInOneLineWithExitCode2) {
  const Outcome outcome = heapglass(GetParam().arguments);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(has(outcome.err, GetParam().says)) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, WrongCommandLine,
    testing::Values(WrongLine{{"--hlep"}, "--help"},                                                   //
                    WrongLine{{"histogramm", "1"}, "did you mean"},                                    //
                    WrongLine{{"histogramm", "1"}, "histogram"},                                       //
                    WrongLine{{"zzzzzz"}, "no command"},                                               //
                    WrongLine{{"histogram", "1", "--limt", "3"}, "did you mean"},                      //
                    WrongLine{{"histogram", "1", "--limt", "3"}, "--limit"},                           //
                    WrongLine{{"histogram", "1", "--zzzzzzzz"}, "--zzzzzzzz"},                         //
                    WrongLine{{"histogram", "1", "-n", "-3"}, "-3"},                                   //
                    WrongLine{{"histogram", "1", "--limit", "many"}, "many"},                          //
                    WrongLine{{"histogram", "1", "-n", "99999999999999999999"}, "99999"},              //
                    WrongLine{{"histogram", "1", "--format", "yaml"}, "yaml"},                         //
                    WrongLine{{"histogram", "1", "--sort", "colour"}, "colour"},                       //
                    WrongLine{{"histogram", "1", "2"}, "one target"},                                  //
                    WrongLine{{"histogram"}, "target"},                                                //
                    WrongLine{{"objects", "1", "--where", "size >> 3"}, "column 7"},                   //
                    WrongLine{{"objects", "1", "--where", "size > x"}, "\n         ^"},                //
                    WrongLine{{"backrefs", "1", "--id", "1", "--filter", "size >"}, "--filter"},       //
                    WrongLine{{"backrefs", "1", "--id", "1", "--style", "dali"}, "dali"},              //
                    WrongLine{{"backrefs", "1", "--id", "1", "--extra-info", "age"}, "age"},           //
                    WrongLine{{"histogram", "1", "--style", "objgraph", "--sort", "type"}, "--sort"},  //
                    WrongLine{{"info", "1", "--freeze", "ice"}, "ice"}));

TEST(CommandLine, HelpsWithExpressions) {
  const Outcome outcome = heapglass({"help", "expressions"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(has(outcome.out, "refcount") && has(outcome.out, "--where")) << outcome.out;
}

// ---- one target for all that follow: the service of the quickstart, with something leaked

class OnService : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::vector<Interpreter> interpreters = supported_interpreters();
    if (interpreters.empty()) {
      return;
    }
    service_ = new PythonProgram(interpreters.front().path, "leaky_service.py");
    const std::string url = service_->ready_line().substr(6, service_->ready_line().rfind(' ') - 6);
    const std::string requests =
        "import sys, urllib.request as u\nfor i in range(50): u.urlopen(sys.argv[1] + '/login/%d' % "
        "i).read()";
    ASSERT_EQ(run_command({"python3", "-c", requests, url}).status, 0);
  }
  static void TearDownTestSuite() {
    delete service_;
    service_ = nullptr;
  }
  void SetUp() override {
    if (service_ == nullptr) {
      GTEST_SKIP() << "no interpreter that heapglass reads";
    }
  }
  static Outcome on_service(const std::string& command, std::vector<std::string> options = {},
                            const std::string& out_path = "") {
    options.insert(options.begin(), {command, service_->target()});
    return heapglass(options, out_path);
  }

  // The one object of which a condition is true.
  static std::string id_of(const std::string& where) {
    const Outcome listed = on_service("objects", {"--where", where, "--format", "json"});
    const Outcome id = run_command(
        {"python3", "-c", "import json, sys; (o,) = json.load(sys.stdin)['objects']; print(o['id'], end='')"},
        listed.out);
    EXPECT_EQ(id.status, 0) << listed.err << listed.out;
    return id.out;
  }

  static PythonProgram* service_;
};
PythonProgram* OnService::service_ = nullptr;

TEST_F(OnService, InfoHasItsKeys) {
  const Outcome outcome = on_service("info", {"--format", "json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(
      json_holds(outcome.out,
                 "set('python build layout_source pid threads objects references bytes pause_ms freeze "
                 "elapsed_ms'.split()) <= set(d)"));
  EXPECT_TRUE(json_holds(outcome.out, "d['pid'] == " + service_->target()));
  EXPECT_TRUE(json_holds(outcome.out, "d['python'] == '" + supported_interpreters().front().version + "'"));
  EXPECT_TRUE(json_holds(outcome.out,
                         "d['objects'] > 5000 and d['references'] > d['objects'] and d['threads'] >= 2"));
}

TEST_F(OnService, HistogramAddsUp) {
  const Outcome outcome = on_service("histogram", {"--format", "json", "--limit", "100000"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(json_holds(outcome.out, "d['total']['objects'] == sum(t['count'] for t in d['types'])"));
  EXPECT_TRUE(json_holds(outcome.out, "d['total']['bytes'] == sum(t['bytes'] for t in d['types'])"));
  EXPECT_TRUE(json_holds(outcome.out,
                         "[t['count'] for t in d['types'] if t['type'] == 'leaky_service.Session'] == [50]"));
  EXPECT_TRUE(json_holds(outcome.out, "len({t['type'] for t in d['types']}) == len(d['types'])"));
}

TEST_F(OnService, HistogramSortsAndLimits) {
  const Outcome by_count = on_service("histogram", {"--format", "json", "--sort", "count", "-n", "7"});
  ASSERT_EQ(by_count.status, 0) << by_count.err;
  EXPECT_TRUE(json_holds(by_count.out, "len(d['types']) == 7"));
  EXPECT_TRUE(
      json_holds(by_count.out, "(lambda c: c == sorted(c, reverse=True))([t['count'] for t in d['types']])"));
  EXPECT_TRUE(json_holds(by_count.out, "d['total']['objects'] > sum(t['count'] for t in d['types'])"));
}

TEST_F(OnService, HistogramOfOneType) {
  const Outcome outcome = on_service("histogram", {"--format", "json", "--type", "leaky_service.Session"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(json_holds(outcome.out, "[t['type'] for t in d['types']] == ['leaky_service.Session']"));
}

TEST_F(OnService, HistogramForPeopleAndSpreadsheets) {
  const Outcome text = on_service("histogram", {"-n", "5"});
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_FALSE(has(text.out, "\033")) << "colour belongs on a terminal only";
  EXPECT_TRUE(has(text.out, "builtins.str")) << text.out;
  const Outcome csv = on_service("histogram", {"-n", "5", "--format", "csv"});
  ASSERT_EQ(csv.status, 0) << csv.err;
  EXPECT_EQ(line_count(csv.out), 6u) << csv.out;
  EXPECT_TRUE(has(csv.out.substr(0, csv.out.find('\n')), "type")) << csv.out;
}

TEST_F(OnService, UnknownTypeIsAnEmptyTableWithAHint) {
  const Outcome outcome = on_service("histogram", {"--format", "json", "--type", "leaky_service.Sesion"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(json_holds(outcome.out, "d['types'] == []"));
  EXPECT_TRUE(has(outcome.err, "leaky_service.Session")) << outcome.err;
}

TEST_F(OnService, ObjectsAreListed) {
  const Outcome outcome =
      on_service("objects", {"--type", "leaky_service.Session", "--format", "json", "--limit", "10"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(json_holds(outcome.out, "len(d['objects']) == 10"));
  EXPECT_TRUE(json_holds(outcome.out,
                         "all(set('id type size refcount repr'.split()) <= set(o) and o['size'] > 0 and "
                         "o['type'] == 'leaky_service.Session' for o in d['objects'])"));
}

TEST_F(OnService, ObjectsOfWhichSomethingIsTrue) {
  for (const auto& [where, expected] :
       {std::pair{"is leaky_service.Session and .user == '7'", "len(d['objects']) == 1"},
        {"type == Session and .basket[0].price < 1", "d['matches'] == 50"},
        {"is str and self ~ 'user:4?'",
         "{o['repr'] for o in d['objects']} == {\"'user:4%d'\" % i for i in range(10)}"},
        {"proper_module and .__name__ == 'leaky_service'",
         "[o['repr'] for o in d['objects']] == ['leaky_service']"},
        {"['user:3'].user == '3' and length == 50", "[o['length'] for o in d['objects']] == [50]"},
        {"size > 2kB and tracked",
         "d['objects'] and all(o['size'] > 2000 and o['gc'] for o in d['objects'])"}}) {
    const Outcome outcome = on_service("objects", {"--where", where, "--format", "json", "--limit", "0"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_TRUE(json_holds(outcome.out, expected)) << where;
  }
}

TEST_F(OnService, ExportIsOneObjectALine) {
  const Outcome outcome = on_service("export", {"--format", "jsonl"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out.rfind(R"({"kind":"header",)", 0), 0u) << outcome.out.substr(0, 200);
  const Outcome counted =
      run_command({"python3", "-c",
                   "import json, sys\nlines = [json.loads(line) for line in sys.stdin]\n"
                   "assert all(set('id type size refcount gc refs'.split()) <= set(o) for o in lines if "
                   "o['kind'] == 'object')\n"
                   "assert sum(o.get('type') == 'leaky_service.Session' for o in lines) == 50"},
                  outcome.out);
  EXPECT_EQ(counted.status, 0) << counted.err;
}

TEST_F(OnService, BackrefsDrawsEveryFormat) {
  const TemporaryFolder folder;
  for (const auto& [name, start] :
       {std::pair{"x.png", "\x89PNG"}, {"x.svg", "<?xml"}, {"x.pdf", "%PDF-"}, {"x.dot", "digraph"}}) {
    const Outcome outcome =
        on_service("backrefs", {"--type", "leaky_service.Session", "-o", folder.file(name)});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(file_start(folder.file(name), std::string(start).size()), start) << name;
  }
}

TEST_F(OnService, BackrefsNamesTheHolders) {
  const TemporaryFolder folder;
  const Outcome listed =
      on_service("objects", {"--type", "leaky_service.Session", "--format", "json", "--limit", "1"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  const Outcome id = run_command(
      {"python3", "-c", "import json, sys; print(json.load(sys.stdin)['objects'][0]['id'], end='')"},
      listed.out);
  const Outcome outcome = on_service("backrefs", {"--id", id.out, "-o", folder.file("x.dot")});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  std::ifstream file(folder.file("x.dot"));
  const std::string dot((std::istreambuf_iterator<char>(file)), {});
  for (const char* part : {"Session", "user:", "cache", "leaky_service"}) {
    EXPECT_TRUE(has(dot, part)) << part << " is not in " << dot;
  }
}

TEST_F(OnService, BackrefsOfAnUnknownTypeIsAnError) {
  const TemporaryFolder folder;
  const Outcome outcome =
      on_service("backrefs", {"--type", "leaky_service.Sesion", "-o", folder.file("x.dot")});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(has(outcome.err, "leaky_service.Session")) << outcome.err;
  EXPECT_NE(access(folder.file("x.dot").c_str(), F_OK), 0);
}

TEST_F(OnService, BackrefsWithoutAnObjectIsAnError) {
  EXPECT_EQ(on_service("backrefs", {"-o", "/dev/null"}).status, 2);
  EXPECT_NE(on_service("backrefs", {"--id", "12345", "-o", "/dev/null"}).status, 0);
  EXPECT_EQ(on_service("backrefs", {"--id", "not-a-number", "-o", "/dev/null"}).status, 2);
}

TEST_F(OnService, AnIdThatIsNoObjectIsToldForWhatItIs) {
  const std::string id = id_of("type == leaky_service.Session and .user == '7'");
  for (const auto& [wrong, says] : {std::pair{std::to_string(std::stoull(id) + 8), "leaky_service.Session"},
                                    {std::to_string(std::stoull(id) + 3), "leaky_service.Session"},
                                    {std::string("0x1000"), "nothing is mapped"}}) {
    const Outcome outcome = on_service("backrefs", {"--id", wrong});
    EXPECT_EQ(outcome.status, 2) << outcome.out;
    EXPECT_TRUE(has(outcome.err, says)) << outcome.err;
    EXPECT_EQ(line_count(outcome.err), 1u) << outcome.err;
  }
}

TEST_F(OnService, PicturesFollowTheirOptions) {
  const std::string id = id_of("type == leaky_service.Session and .user == '7'");
  const auto dot = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"--id", id, "-o", "-"});
    const Outcome outcome = on_service("backrefs", options);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  };
  EXPECT_TRUE(has(dot({}), "user:7"));
  EXPECT_FALSE(has(dot({"--filter", "type != dict"}), "user:7"));
  EXPECT_TRUE(has(dot({"--filter", "type != dict"}), "on_event"));
  EXPECT_FALSE(has(dot({"--max-depth", "1"}), "handlers"));
  EXPECT_TRUE(has(dot({"--max-depth", "4"}), "handlers"));
  EXPECT_FALSE(has(dot({"--max-depth", "4", "--stop-at", "is dict or type == method"}), "handlers"));
  EXPECT_TRUE(has(dot({"--highlight", "type == method"}), "highlighted"));
  EXPECT_TRUE(has(dot({"--extra-info", "id,refcount"}), "2 references"));
  EXPECT_TRUE(has(dot({"--max-nodes", "2"}), "more referrer"));
  const std::string cache = id_of("['user:7'].user == '7'");
  EXPECT_FALSE(has(dot({"--extra-ignore", cache}), "user:7"));
  EXPECT_TRUE(has(dot({"--style", "objgraph"}), "__self__"));
}

TEST_F(OnService, WithoutARendererTheDotIsLeftBehind) {
  const TemporaryFolder folder;
  // Graphviz looks there for its plugins; svg and dot need none.
  const Outcome outcome = run_command({"env", "GVBINDIR=" + folder.path(), HEAPGLASS_PROGRAM, "backrefs",
                                       service_->target(), "--type", "Session", "-o", folder.file("x.png")});
  EXPECT_EQ(outcome.status, 5) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "png") && has(outcome.err, folder.file("x.dot"))) << outcome.err;
  EXPECT_EQ(file_start(folder.file("x.dot"), 7), "digraph");
  EXPECT_NE(access(folder.file("x.png").c_str(), F_OK), 0);
}

// ---- where the answer goes

TEST_F(OnService, OutputThatCannotBeWrittenIsExitCode5) {
  const TemporaryFolder folder;
  for (const std::string& path :
       {std::string("/nonexistent/folder/x.json"), folder.path(), std::string("/dev/full")}) {
    const Outcome outcome = on_service("histogram", {"--format", "json", "-o", path});
    EXPECT_EQ(outcome.status, 5) << path;
    EXPECT_TRUE(has(outcome.err, path)) << outcome.err;
    EXPECT_EQ(line_count(outcome.err), 1u) << outcome.err;
  }
  EXPECT_EQ(
      on_service("backrefs", {"--type", "leaky_service.Session", "-o", "/nonexistent/folder/x.png"}).status,
      5);
  EXPECT_EQ(on_service("export", {"--format", "jsonl", "-o", "/dev/full"}).status, 5);
}

TEST_F(OnService, FullDiskUnderStandardOutputIsExitCode5) {
  for (const char* command : {"info", "histogram", "export"}) {
    const Outcome outcome = on_service(command, {}, "/dev/full");
    EXPECT_EQ(outcome.status, 5) << command;
    EXPECT_EQ(line_count(outcome.err), 1u) << outcome.err;
  }
}

TEST_F(OnService, UnknownPictureFormatIsRefused) {
  const TemporaryFolder folder;
  const Outcome outcome =
      on_service("backrefs", {"--type", "leaky_service.Session", "-o", folder.file("x.bmpp")});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(has(outcome.err, "bmpp")) << outcome.err;
}

}  // namespace
}  // namespace heapglass
