// report: one page that runs nothing but its own script, fetches nothing, and says what the commands say.

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "cmd/tests/python_program.h"
#include "lib/render/json_check.h"

namespace heapglass {
namespace {

void stop(const PythonProgram& program) {
  kill(program.pid(), SIGSTOP);
  while (program.state() != 'T') usleep(1000);
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

// The JSON in the page, as it stands there.
std::string data_of(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"data\" data-connect=\"'none'\">";
  const std::size_t from = page.find(begin);
  if (from == page.npos) return "";
  const std::size_t to = page.find("</script>", from);
  return page.substr(from + begin.size(), to - from - begin.size());
}

// As it was before it was made fit for a page.
std::string unescaped(std::string data) {
  for (const auto& [escape, meant] : {std::pair("\\u003c", "<"), {"\\u003e", ">"}, {"\\u0026", "&"}})
    for (std::size_t at = data.find(escape); at != data.npos; at = data.find(escape, at + 1))
      data.replace(at, 6, meant);
  return data;
}

// A command's JSON on one line, as the page has it.
std::string on_one_line(const std::string& json) {
  std::string out;
  std::istringstream lines(json);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t text = line.find_first_not_of(' ');
    if (text == line.npos) continue;
    if (out.ends_with(',')) out += ' ';
    out += line.substr(text);
  }
  return out;
}

// "key": [...] of JSON on one line: to the bracket that closes it, brackets in texts apart.
std::string array_of(const std::string& json, const std::string& key) {
  const std::size_t from = json.find("\"" + key + "\": [");
  if (from == json.npos) return "there is no " + key;
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = from + key.size() + 4; i < json.size(); ++i) {
    if (in_text && json[i] == '\\')
      ++i;
    else if (json[i] == '"')
      in_text = !in_text;
    else if (!in_text && (json[i] == '[' || json[i] == '{'))
      ++depth;
    else if (!in_text && (json[i] == ']' || json[i] == '}') && --depth == 0)
      return json.substr(from, i + 1 - from);
  }
  return "";
}

std::string json_of(std::vector<std::string> command, const std::string& target) {
  command.insert(command.begin(), HEAPGLASS_PROGRAM);
  command.insert(command.begin() + 2, target);
  command.insert(command.end(), {"--format", "json"});
  const Outcome outcome = run_command(command);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return on_one_line(outcome.out);
}

// What every page must be, whatever is in it.
void expect_sound(const std::string& page) {
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  // Nothing is allowed but the script and the style whose hashes stand there: the script could ask heapglass
  // ui, and a page that is a file may connect to nothing.
  EXPECT_TRUE(std::regex_search(
      page.substr(0, 2000),
      std::regex(
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
          "script-src 'sha256-[A-Za-z0-9+/=]+'; style-src 'sha256-[A-Za-z0-9+/=]+'; connect-src 'none'; "
          "base-uri 'none'; "
          "form-action 'none'\">")));
  EXPECT_EQ(count_of(page, "<script"), 2u);
  EXPECT_EQ(count_of(page, "</script"), 2u);
  for (const char* fetches : {"<link", "<img", "<iframe", " src=", "@import", "XMLHttpRequest"})
    EXPECT_EQ(page.find(fetches), page.npos) << fetches;
  const std::string data = data_of(page);
  EXPECT_TRUE(JsonCheck::valid(data)) << data.substr(0, 200);
  EXPECT_EQ(data.find_first_of("<>&"), data.npos);
  for (const char* hidden : {"\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAE", "\x1b"})
    EXPECT_EQ(data.find(hidden), data.npos);
}

std::string page_of(const std::vector<std::string>& targets, const TemporaryFolder& folder) {
  const std::string file = folder.file("report.html");
  std::vector<std::string> command{HEAPGLASS_PROGRAM, "report"};
  command.insert(command.end(), targets.begin(), targets.end());
  command.insert(command.end(), {"-o", file});
  const Outcome outcome = run_command(command);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return contents(file);
}

class Report : public testing::TestWithParam<Interpreter> {};

TEST_P(Report, SaysWhatTheCommandsSay) {
  const TemporaryFolder folder;
  const std::string snapshot = folder.file("moment.hg");
  PythonProgram program(GetParam().path, "leaks/handlers.py");
  stop(program);
  const Outcome saved = run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", snapshot});
  ASSERT_EQ(saved.status, 0) << saved.err;
  std::string of_process;
  for (const std::string& target : {program.target(), snapshot}) {
    const std::string page = page_of({target}, folder);
    expect_sound(page);
    const std::string data = json_of({"report"}, target), embedded = unescaped(data_of(page));
    for (const auto& [key, command] : std::vector<std::pair<std::string, std::vector<std::string>>>{
             {"suspects", {"leaks", "--limit", "50"}},
             {"rows", {"memory", "--limit", "200"}},
             {"types", {"histogram", "--limit", "0"}},
             {"threads", {"stacks"}},
             {"components", {"garbage"}}}) {
      const std::string told = array_of(json_of(command, target), key);
      EXPECT_GT(told.size(), key.size() + 5) << key;
      EXPECT_NE(data.find(told), data.npos) << key << " of " << target << ": " << told.substr(0, 300);
      EXPECT_NE(embedded.find(told), embedded.npos) << key << " of " << target;
    }
    EXPECT_NE(data.find("handlers-not-removed"), data.npos);
    EXPECT_NE(data.find("\"svg\": \"<?xml"), data.npos) << "no picture of who holds it";
    for (const char* part :
         {"\"type_shares\": {\"names\"", "\"dominator_shares\": {\"names\"", "\"verdict\": "})
      EXPECT_NE(data.find(part), data.npos) << part;
    EXPECT_EQ(data.find("\"error\""), data.npos);
    // Pictures and trees, which no other command prints.
    const std::size_t from = data.find("\"pictures\""), to = data.find("\"histogram\"");
    ASSERT_LT(from, to);
    const std::string drawn = data.substr(from, to - from);
    if (of_process.empty()) of_process = drawn;
    EXPECT_TRUE(drawn == of_process) << "the snapshot draws other pictures or trees than the process";
  }
}

INSTANTIATE_TEST_SUITE_P(Pythons, Report, testing::ValuesIn(few_interpreters()), InterpreterName());

TEST(Report, NamesOfTheTargetAreNoMarkup) {
  const TemporaryFolder folder;
  PythonProgram program(supported_interpreters().back().path, "hostile_names.py");
  const std::string page = page_of({program.target()}, folder);
  expect_sound(page);
  EXPECT_NE(page.find("\\u003cscript\\u003ename32\\u003c/script\\u003e"), page.npos);
}

TEST(Report, ValuesThatASnapshotHasNotAreInNoPage) {
  const TemporaryFolder folder;
  const std::string secrets = folder.file("secrets"), bare = folder.file("bare.hg");
  {
    PythonProgram program(supported_interpreters().back().path, "hidden_values.py",
                          {secrets, "hunter2-correct-horse"});
    const Outcome saved =
        run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "--no-values", "-o", bare});
    ASSERT_EQ(saved.status, 0) << saved.err;
  }
  const std::string page = page_of({bare}, folder);
  expect_sound(page);
  EXPECT_EQ(page.find("hunter2"), page.npos);
  std::ifstream lines(secrets);
  int searched = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    std::string bytes;
    for (std::size_t i = tab + 1; i + 1 < line.size() && line[i] != ' '; i += 2)
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    if (bytes.size() < 8) continue;
    ++searched;
    EXPECT_EQ(page.find(bytes), page.npos) << line.substr(0, tab);
  }
  EXPECT_GT(searched, 20);
}

TEST(Report, OfSeveralCapturesTellsGrowth) {
  const TemporaryFolder folder;
  const std::string first = folder.file("first.hg"), second = folder.file("second.hg");
  PythonProgram program(supported_interpreters().back().path, "leaks/dict_cache.py");
  for (const std::string& file : {first, second}) {
    const Outcome saved = run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", file});
    ASSERT_EQ(saved.status, 0) << saved.err;
  }
  const std::string page = page_of({first, second, program.target()}, folder);
  expect_sound(page);
  const std::string data = data_of(page);
  for (const char* part :
       {"\"diff\": {", "\"survivors\": {", "\"growth\": {\"captures\": [", "\"bytes_delta\": "})
    EXPECT_NE(data.find(part), data.npos) << part;
  EXPECT_EQ(array_of(on_one_line(data), "captures").find("there is no"), std::string::npos);
}

// Seven captures of a program that does nothing, then seven in which it leaks: reports and diffs say from
// which.
constexpr char kSaysFromWhere[] = R"py(
import json, subprocess, sys

heapglass, *moments = sys.argv[1:]

def command(*words):
    return json.loads(subprocess.run([heapglass, *words, "--format", "json"], check=True, stdout=subprocess.PIPE).stdout)

growth = command("report", *moments)["growth"]
lines = {line["name"]: line for line in growth["types"] + growth["owners"] + growth["total"]}
for name in ("__main__.Widget", "__main__.events.handlers", "all objects"):
    change = lines[name]["change"]
    assert change["kind"] == "rate" and change["capture"] in (6, 7), (name, change)
    assert abs(change["before"]) < change["after"] / 20, (name, change)
for line in lines.values():
    assert line["change"]["kind"] in ("none", "step", "rate"), line
# Of the bytes that a capture has more than the one before, which the numbers themselves say too.
bytes_of = lines["__main__.Widget"]["bytes"]
assert bytes_of[0] == bytes_of[6] < bytes_of[7], bytes_of
if growth["rates_per"] == "capture":
    after = lines["__main__.Widget"]["change"]["after"]
    assert abs(after - (bytes_of[13] - bytes_of[7]) / 6) < 1, (after, bytes_of)
row = {row["type"]: row for row in command("diff", *moments)["types"]}["__main__.Widget"]
assert row["change"] == "rate" and row["change_capture"] in (6, 7), row
text = subprocess.run([heapglass, "diff", *moments], check=True, stdout=subprocess.PIPE, text=True).stdout
assert "changed" in text and ("rate at 8" in text or "rate at 7" in text), text
# Of fewer nothing is said.
few = command("report", *moments[:4])["growth"]
assert all(line["change"] == {"kind": "unsure"} for line in few["total"] + few["types"]) and "not said of fewer than 12" in few["notes"][0], few
assert "changed" not in subprocess.run([heapglass, "diff", *moments[:4]], check=True, stdout=subprocess.PIPE, text=True).stdout
print("said")
)py";

TEST(Report, SaysFromWhichCaptureOnItGrew) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  PythonProgram program(supported_interpreters().back().path, "leaks/handlers.py");
  const TemporaryFolder folder;
  std::vector<std::string> command{"python3", "-c", kSaysFromWhere, HEAPGLASS_PROGRAM};
  for (int i = 0; i < 14; ++i) {
    if (i >= 7) {
      ASSERT_EQ(program.ask("200"), "DONE");
    }
    command.push_back(folder.file("moment" + std::to_string(i) + ".hg"));
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", command.back()}).status, 0);
  }
  const Outcome said = run_command(command);
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.out, "said\n");
}

TEST(Report, IsAPageAndNothingElse) {
  const Outcome other = run_command({HEAPGLASS_PROGRAM, "report", "1", "--format", "csv"});
  EXPECT_EQ(other.status, 2);
  EXPECT_NE(other.err.find("csv"), std::string::npos) << other.err;
}

}  // namespace
}  // namespace heapglass
