// Command lines that people get wrong. Each is refused in one line that names the mistake and what to write
// instead, before the target is opened: the process that they name is not there, and none of the answers is
// about that.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// No process has it: ids end at 4,194,304.
constexpr char kNoProcess[] = "999999999";

struct Mistake {
  std::vector<std::string> line;  // PID stands for kNoProcess, OWN for this process
  std::string says, cure;
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << "heapglass";
  for (const std::string& word : mistake.line) *out << " '" << word << "'";
}

// The words of a line behind the program's name.
std::vector<std::string> command_of(const std::vector<std::string>& line) {
  std::vector<std::string> command{HEAPGLASS_PROGRAM};
  for (const std::string& word : line)
    command.push_back(word == "PID" ? kNoProcess : word == "OWN" ? std::to_string(getpid()) : word);
  return command;
}

class WrongLine : public testing::TestWithParam<Mistake> {};

TEST_P(WrongLine, IsRefusedWithItsMistakeAndItsCureBeforeTheTargetIsOpened) {
  const Outcome outcome = run_command(command_of(GetParam().line));
  EXPECT_EQ(outcome.status, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_NE(outcome.err.find(GetParam().says), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(GetParam().cure), std::string::npos) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, WrongLine,
    testing::Values(
        Mistake{{"leaks", "--pid", "PID"}, "no option --pid", "heapglass leaks 4711"},
        Mistake{{"leaks"}, "needs a target", "heapglass ps"},
        Mistake{{"leaks", ""}, "needs a target", "heapglass ps"},
        Mistake{{"--verbose", "leaks", "PID"}, "before the command", "the command comes first"},
        Mistake{{"leak", "PID"}, "no command 'leak'", "did you mean leaks?"},
        Mistake{{"PID", "--colour"}, "no option --colour", "did you mean --color?"},
        Mistake{{"ps", "PID"}, "takes no target", "heapglass ps --help"},
        Mistake{{"leaks", "PID,PID"}, "'PID,PID' is not a process id", "heapglass ps"},
        Mistake{{"leaks", "nosuch.hg"}, "'nosuch.hg' is not", "heapglass ps"},
        Mistake{{"leaks", "/etc/passwd"}, "not a core file or a snapshot", "give a process id"},
        Mistake{{"histogram", "PID", "--limit"}, "--limit takes a value, N", "heapglass histogram --help"},
        Mistake{{"histogram", "PID", "--limit="}, "--limit takes a value, N", "heapglass histogram --help"},
        Mistake{{"histogram", "PID", "--limit", "10k"}, "'10k'", "use a whole number"},
        Mistake{{"histogram", "PID", "-n", "3", "-n", "4"}, "more than once", "leave all but one out"},
        Mistake{{"histogram", "PID", "--urgent=yes"}, "--urgent takes no value", "write --urgent alone"},
        Mistake{
            {"histogram", "PID", "--max-pauses", "5"}, "no option --max-pauses", "did you mean --max-pause?"},
        Mistake{{"histogram", "PID", "--max-pause", "5ms"}, "invalid --max-pause '5ms'", "whole number"},
        Mistake{{"histogram", "PID", "--format", "svg"}, "svg draws a graph", "choose text, json or csv"},
        Mistake{{"histogram", "PID", "-o", "types.png"}, "png draws a graph", "choose text, json or csv"},
        Mistake{{"stacks", "PID", "--format", "pprof"}, "there is none in this answer", "heapglass retained"},
        Mistake{{"memory", "PID", "--format", "yaml"}, "'yaml'", "use text, json or csv\n"},
        Mistake{{"leaks", "PID", "--format", "xml"}, "'xml'", "use text, json, csv, dot, svg, png or pdf\n"},
        Mistake{{"retained", "PID", "--format", "xml"}, "'xml'", "csv, speedscope or pprof\n"},
        Mistake{
            {"leaks", "PID", "--fail-if", "bogus"}, "not 'bogus' (column 1)", "heapglass help thresholds"},
        Mistake{{"memory", "PID", "-o", ""}, "the value of --output is empty", "leave the option out"},
        Mistake{{"leaks", "PID", "--fail-if", ""}, "the value of --fail-if is empty", "leave the option out"},
        Mistake{{"leaks", "PID", "--fail-if", "growth(rss) > 5%"}, "between two captures", "heapglass diff"},
        Mistake{{"info", "PID", "--sysroot", "/nosuch"}, "'/nosuch' is not a folder", "name the folder"},
        Mistake{{"info", "PID", "--freeze", "forks"}, "'forks'", "use copy, precopy, fork"},
        Mistake{{"show", "PID"}, "exactly one object", "--id ADDRESS"},
        Mistake{{"show", "PID", "--id", "0xfffg"}, "'0xfffg'", "an address as id()"},
        Mistake{{"path", "PID"}, "needs a target object", "--type NAME"},
        Mistake{{"backrefs", "PID"}, "needs at least one object", "--type NAME"},
        Mistake{{"query", "PID"}, "needs a SELECT", "heapglass query 4711"},
        Mistake{{"query", "PID", "selec 1"}, "syntax error", "at 'selec 1'"},
        Mistake{{"query", "PID", "select nope from objects"}, "no such column: nope", "at 'nope from"},
        Mistake{{"query", "PID", "select 1 from object"}, "no such table: object", "--tables"},
        Mistake{{"query", "PID", "drop table objects"}, "a query reads, and does nothing else", "--tables"},
        Mistake{{"query", "PID", "select 1; select 2"}, "one query at a time: ' select 2'", ""},
        Mistake{{"snapshot", "PID"}, "needs a file", "give one with -o"},
        Mistake{{"snapshot", "PID", "-o", "x.hg", "--keep", "3"}, "--keep", "%Y%m%d"},
        Mistake{{"snapshot", "PID", "-o", "x.hg", "--mode", "777"}, "'777'", "0640"},
        Mistake{{"export", "PID", "-o", "objects.csv"}, "names csv", "--format csv"},
        Mistake{{"export", "PID", "--format", "sqlite"}, "standard output", "-o: heap.db"},
        Mistake{{"watch", "PID", "--interval", "0"}, "invalid --interval '0'", "whole number"},
        Mistake{{"diff", "OWN", "/nonexistent"}, "'/nonexistent' is not a process id", "heapglass ps"},
        Mistake{{"leaks", "OWN", "/nonexistent"}, "'/nonexistent' is not a process id", "heapglass ps"},
        Mistake{{"report", "OWN", "/nonexistent"}, "'/nonexistent' is not a process id", "heapglass ps"},
        Mistake{{"diff", "OWN", "/etc/passwd"}, "not a core file or a snapshot", "give a process id"},
        Mistake{{"tracemalloc", "OWN", "--compare", "/nonexistent"}, "'/nonexistent'", "heapglass ps"},
        Mistake{{"diff", "PID", "PID", "--every", "5s"}, "a single target", ""},
        Mistake{{"objects", "PID", "--sort", "retaind"}, "'retaind'", "use size, retained"},
        Mistake{{"help", "nosuch"}, "no command 'nosuch'", "heapglass --help"}));

TEST(WrongLine, OfAnExpressionHasAMarkUnderThePlace) {
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "objects", kNoProcess, "--where", "size >"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("column 7"), std::string::npos) << outcome.err;
}

// What a command is to write is looked at before the target is: for nothing would that have been stopped.
TEST(WrongLine, NamesAFileThatCannotBeWritten) {
  const std::vector<std::vector<std::string>> lines = {
      {"leaks", "PID", "-o", "/nonexistent/x"},
      {"memory", "PID", "-o", "/nonexistent/x.json"},
      {"histogram", "--family", "1", "-o", "/nonexistent/x"},
      {"backrefs", "PID", "--type", "dict", "-o", "/nonexistent/x.dot"},
      {"query", "PID", "select 1", "-o", "/nonexistent/x"},
      {"diff", "PID", "PID", "-o", "/nonexistent/x"},
      {"watch", "PID", "-o", "/nonexistent/x"},
      {"watch", "PID", "--plot", "/nonexistent/x.svg"},
      {"diff", "PID", "PID", "--openmetrics", "/nonexistent/x.prom"},
      {"tracemalloc", "PID", "--dump", "/nonexistent/x"},
      {"snapshot", "PID", "-o", "/nonexistent/x.hg"},
      {"snapshot", "PID", "-o", "/nonexistent/x-%p.hg"},
      {"report", "PID", "-o", "/nonexistent/x.html"},
      {"export", "PID", "-o", "/nonexistent/x.jsonl"},
      {"export", "PID", "-o", "/nonexistent/x.db"},
      {"export", "PID", "--format", "csv", "-o", "/nonexistent/below/x"},
      {"leaks", "PID", "-o", "/"},
      {"snapshot", "PID", "-o", "/"},
      {"report", "PID", "-o", "/tmp"},
      {"export", "PID", "-o", "/etc/passwd/x"},
      {"export", "PID", "--format", "csv", "-o", "/tmp"}};
  for (const std::vector<std::string>& line : lines) {
    const Outcome outcome = run_command(command_of(line));
    const std::string what = testing::PrintToString(line) + outcome.err;
    EXPECT_EQ(outcome.status, 5) << what;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << what;
    EXPECT_NE(outcome.err.find("'" + line.back()), std::string::npos) << what;
    EXPECT_NE(outcome.err.find(" ("), std::string::npos) << what;
  }
}

// What --help says of --format is what is taken.
TEST(CommandLine, HelpListsOnlyFormatsThatTheCommandTakes) {
  const auto formats = [](const std::string& command) {
    return run_command({HEAPGLASS_PROGRAM, "--complete", command, kNoProcess, "--format", ""}).out;
  };
  EXPECT_EQ(formats("histogram"), "text\njson\ncsv\n");
  EXPECT_EQ(formats("leaks"), formats("backrefs"));
  EXPECT_EQ(formats("backrefs"), "text\njson\ncsv\ndot\nsvg\npng\npdf\n");
  EXPECT_EQ(formats("retained"), "text\njson\ncsv\nspeedscope\npprof\n");
  EXPECT_EQ(formats("export"), "jsonl\nsqlite\ncsv\nparquet\nfleet\nheapsnapshot\ngraphml\npprof\n");
  EXPECT_EQ(formats("snapshot"), "");
}

// An id is printed in one way and typed in three.
TEST(CommandLine, TakesAnAddressInHexWithAndWithout0x) {
  for (const char* const id : {"0x7f31c0de", "7f31c0de", "2133967070"}) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "show", kNoProcess, "--id", id});
    EXPECT_EQ(outcome.err.find("invalid --id"), std::string::npos) << id << outcome.err;
  }
}

}  // namespace
}  // namespace heapglass
