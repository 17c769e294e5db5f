// What watch says over time, in its formats, in the plot, in the gauges, and of the lines that memory grew
// under.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "cmd/tests/file_contents.h"
#include "cmd/tests/live_results.h"
#include "cmd/tests/prometheus_programs.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

std::string python_says(const std::string& code, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"python3", "-c", code};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Outcome outcome = run_command(command);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return outcome.out;
}

class Watching : public testing::Test {
 protected:
  const PythonProgram target_{supported_interpreters().front().path, "growing.py"};
  TemporaryFolder folder_;
};

TEST_F(Watching, ALineALookInEveryFormatAndAPlot) {
  const std::string json = folder_.file("json"), csv = folder_.file("csv");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "watch", target_.target(), "--interval", "150ms", "--duration",
                         "300ms", "--format", "json", "-o", json, "--plot", folder_.file("plot.png")})
                .status,
            0);
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "watch", target_.target(), "--interval", "150ms", "--duration",
                         "150ms", "--csv", "-o", csv, "--plot", folder_.file("plot.svg")})
                .status,
            0);
  EXPECT_EQ(python_says(R"py(
import csv, json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
rows = list(csv.DictReader(open(sys.argv[2], newline="")))
print(len(lines), len(rows), *sorted(lines[0]))
status = dict(line.split(":", 1) for line in open("/proc/%s/status" % sys.argv[3]))
for key, name in ("rss", "VmRSS"), ("peak", "VmHWM"):
    really = int(status[name].split()[0]) * 1024
    assert lines[-1][key] == really == int(rows[-1][key]), (key, lines[-1][key], really)
# It does nothing: every look says the same.
assert len({(line["objects"], line["python_bytes"]) for line in lines}) == 1, lines
assert str(lines[0]["objects"]) == rows[0]["objects"]
)py",
                        {json, csv, target_.target()}),
            "3 2 about elapsed growers objects pause_ms peak python_bytes rss time\n");
  EXPECT_EQ(contents(folder_.file("plot.png")).substr(1, 3), "PNG");
  EXPECT_NE(contents(folder_.file("plot.svg")).find("</svg>"), std::string::npos);
}

TEST_F(Watching, EndsWhereAThresholdIsExceeded) {
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "watch", target_.target(), "--interval", "100ms",
                                       "--duration", "0", "--fail-if", "objects > 1"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("threshold exceeded: objects ("), std::string::npos) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2) << outcome.out;
}

TEST_F(Watching, OfNoProcessIsRefused) {
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "watch", "4194303", "--duration", "0"});
  EXPECT_EQ(outcome.status, 3) << outcome.err;
}

TEST_F(Watching, GaugesAreReadByPrometheus) {
  const std::string file = folder_.file("shop.prom");
  ASSERT_EQ(
      run_command({HEAPGLASS_PROGRAM, "watch", target_.target(), "--interval", "100ms", "--duration", "100ms",
                   "--metrics-top", "0", "--openmetrics", file, "--service", "a \"shop\" \\ of\nlines"})
          .status,
      0);
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644u);  // the collector is another user
  const std::string text = contents(file);
  const std::string labels = "pid=\"" + target_.target() +
                             "\",service=\"a \\\"shop\\\" \\\\ of\\nlines\",version=\"" +
                             supported_interpreters().front().version + "\"}";
  EXPECT_NE(text.find("\nheapglass_type_objects{type=\"__main__.Session\"," + labels + " 20\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\nheapglass_resident_bytes{part=\"anonymous\"," + labels), std::string::npos);
  EXPECT_NE(text.find("\nheapglass_garbage_objects{" + labels), std::string::npos);
  EXPECT_NE(text.find("\nheapglass_pause_seconds{" + labels), std::string::npos);
  EXPECT_EQ(text.substr(text.size() - 6), "# EOF\n");
  const std::string promtool = prometheus_program("promtool");
  if (promtool.empty()) GTEST_SKIP() << "promtool is not here (scripts/setup --tests)";
  const Outcome checked = run_command({promtool, "check", "metrics"}, text);
  EXPECT_EQ(checked.status, 0) << checked.err << checked.out;
}

class LinesOf : public testing::TestWithParam<Interpreter> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(LinesOf, MemoryGrowsUnderTheLineThatMakesIt) {
  PythonProgram target(GetParam().path, "hungry.py");
  const std::string file = folder_.file("lines.json");
  int out[2];
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  ChildProcess watching({HEAPGLASS_PROGRAM, "watch", target.target(), "--interval", "700ms", "--duration",
                         "1400ms", "--lines", "--lines-limit", "0", "--format", "json"},
                        {-1, out[1], 2});
  close(out[1]);
  // It grows once the first line has come, however long that takes on a busy machine.
  std::thread running;
  std::ofstream answer(file);
  for (char byte = 0; read(out[0], &byte, 1) == 1;) {
    answer << byte;
    if (byte == '\n' && !running.joinable())
      running = std::thread([&] { EXPECT_TRUE(target.answers('x', 'D')); });
  }
  answer.close();
  close(out[0]);
  ASSERT_TRUE(running.joinable()) << "watch has said nothing";
  running.join();
  ASSERT_EQ(watching.wait(std::chrono::seconds(60)), 0);
  EXPECT_EQ(python_says(R"py(
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
table = lines[-1]
rows = {row["source"]: row for row in table["lines"]}
eats = rows["kept.append(bytearray(3000000))  # here it grows"]
works = rows["total += i * i"]
assert table["samples"] > 50 and table["rss_growth"] > 6e6, table
assert abs(sum(row["growth"] for row in table["lines"]) + table["elsewhere"] + table["unseen"] - table["rss_growth"]) < 1000
assert eats["growth"] == max(row["growth"] for row in table["lines"]), table
main = [row for row in table["lines"] if row["source"] == "round_of_both()"][0]
assert main["growth_below"] > 0.8 * (table["rss_growth"] - table["unseen"]), (main, table)
assert works["samples"] > 0 and eats["samples"] > 0, (works, eats)
print(eats["line"], eats["function"], eats["file"].rsplit("/", 1)[1])
)py",
                        {file}),
            "20 eat hungry.py\n");
}

INSTANTIATE_TEST_SUITE_P(Live, LinesOf, testing::ValuesIn(few_interpreters()),
                         [](const auto& each) { return as_identifier(each.param.name); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LinesOf);

}  // namespace
}  // namespace heapglass
