// Gauges as a real Prometheus has them, and the dashboard over them.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "cmd/tests/prometheus_programs.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

const std::string kDashboard = HEAPGLASS_SOURCE_DIR "/scripts/grafana-dashboard.json";

std::string read(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> names_in(const std::string& text) {
  static const std::regex name("heapglass_[a-z_]+");
  std::set<std::string> names;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), name); at != std::sregex_iterator(); ++at)
    names.insert(at->str());
  return names;
}

class Prometheus : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    target_ = std::make_unique<PythonProgram>(supported_interpreters().back().path, "growing.py");
    old_ = folder_.file("old.hg");
    new_ = folder_.file("new.hg");
    snapshot(old_);
    ASSERT_EQ(target_->ask("grow 500"), "OK");
    snapshot(new_);
    std::filesystem::create_directory(folder_.file("text"));
    gauges_ = folder_.file("text/shop.prom");
    const Outcome told = run_command({HEAPGLASS_PROGRAM, "diff", old_, new_, "--openmetrics", gauges_,
                                      "--service", "shop \"1\"", "--fail-if", "growth(bytes) > 1"});
    ASSERT_EQ(told.status, 1) << told.err;
  }
  void snapshot(const std::string& file) const {
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target_->target(), "-o", file}).status, 0);
  }
  TemporaryFolder folder_;
  std::unique_ptr<PythonProgram> target_;
  std::string old_, new_, gauges_;
};

TEST_F(Prometheus, DashboardNamesOnlyGaugesThatThereAre) {
  const std::set<std::string> there = names_in(read(gauges_)), asked = names_in(read(kDashboard));
  EXPECT_GT(asked.size(), 5u);
  for (const std::string& name : asked) EXPECT_TRUE(there.count(name)) << name;
}

TEST_F(Prometheus, GaugesAreOfTheMomentThatTheyShow) {
  const Outcome csv =
      run_command({HEAPGLASS_PROGRAM, "query", new_, "SELECT count(*) FROM objects", "--format", "csv"});
  const std::string count = csv.out.substr(csv.out.find('\n') + 1);
  std::smatch objects, moment;
  const std::string text = read(gauges_);
  ASSERT_TRUE(std::regex_search(text, objects, std::regex("\nheapglass_objects\\{.*\\} (.*)"))) << text;
  EXPECT_EQ(objects[1].str() + "\r\n", count);
  // A later comparison of the same files shows the same moment.
  ASSERT_TRUE(std::regex_search(text, moment, std::regex("\nheapglass_look_timestamp_seconds\\{.*\\} (.*)")));
  const auto written = std::filesystem::last_write_time(new_).time_since_epoch();
  const auto now = std::filesystem::file_time_type::clock::now().time_since_epoch();
  const double age = std::chrono::duration<double>(now - written).count();
  EXPECT_NEAR(std::stod(moment[1]), static_cast<double>(std::time(nullptr)) - age, 2.5);
}

TEST_F(Prometheus, PromtoolFindsNothingWrong) {
  if (prometheus_program("promtool").empty()) GTEST_SKIP() << "promtool is not here (scripts/setup --tests)";
  const Outcome checked = run_command({prometheus_program("promtool"), "check", "metrics"}, read(gauges_));
  EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
}

// And that each alert fires when testdata/prometheus_rules_test.yml says, and not before.
TEST(PrometheusRules, AreAcceptedByPromtoolAndFireWhenTheyShould) {
  const std::string promtool = prometheus_program("promtool");
  if (promtool.empty()) GTEST_SKIP() << "promtool is not here (scripts/setup --tests)";
  const Outcome checked = run_command(
      {promtool, "check", "rules", HEAPGLASS_SOURCE_DIR "/scripts/package.d/prometheus-rules.yml"});
  EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
  const Outcome tested =
      run_command({promtool, "test", "rules", HEAPGLASS_SOURCE_DIR "/testdata/prometheus_rules_test.yml"});
  EXPECT_EQ(tested.status, 0) << tested.out << tested.err;
}

TEST_F(Prometheus, HasEverySampleThatWasWritten) {
  if (prometheus_program("prometheus").empty() || prometheus_program("prometheus-node-exporter").empty())
    GTEST_SKIP() << "Prometheus and node_exporter are not here (scripts/setup --tests)";
  const Outcome told =
      run_command({"python3", "-B", HEAPGLASS_SOURCE_DIR "/testdata/prometheus_reads.py",
                   prometheus_program("prometheus"), prometheus_program("prometheus-node-exporter"), gauges_,
                   kDashboard, folder_.path()});
  EXPECT_EQ(told.status, 0) << told.out << told.err;
  EXPECT_TRUE(std::regex_match(told.out, std::regex("[1-9][0-9]+ samples, [1-9][0-9]* queries\n")))
      << told.out;
}

}  // namespace
}  // namespace heapglass
