// The lines of `heapglass help cron` run as they stand there, and find leaks by themselves.

#include <gtest/gtest.h>

#include <regex>
#include <thread>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

class Cron : public testing::Test {
 protected:
  void SetUp() override {
    if (run_command({HEAPGLASS_PROGRAM, "help", "snapshot"}).status != 0)
      GTEST_SKIP() << "there are no snapshots";
  }
  // The lines of the help text, of which each is indented.
  std::vector<std::string> lines_of_help() const {
    std::istringstream text(run_command({HEAPGLASS_PROGRAM, "help", "cron"}).out);
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);)
      if (line.rfind("    ", 0) == 0) lines.push_back(line.substr(4));
    return lines;
  }
  // With our places and service in place of the text's.
  std::string at_home(const std::string& line) const {
    return replaced(replaced(replaced(line, "/var/lib/heapglass", folder_.path()),
                             "/var/lib/prometheus/node-exporter", folder_.path()),
                    "shop/app.py", service_);
  }
  std::vector<std::string> crontab() const {
    std::vector<std::string> commands;
    std::smatch parts;
    for (const std::string& line : lines_of_help())
      if (std::regex_match(line, parts, std::regex("([*0-9/]+ ){5}(.*)")))
        commands.push_back(at_home(replaced(parts[2], "\\%", "%")));  // what cron makes of it
    return commands;
  }
  Outcome as_cron_runs(const std::string& command) const {
    const std::string program = HEAPGLASS_PROGRAM;
    return run_command({"env", "PATH=" + program.substr(0, program.rfind('/')) + ":/usr/bin:/bin", "/bin/sh",
                        "-c", command});
  }
  std::size_t snapshots() const {
    const std::string names = run_command({"ls", folder_.path()}).out;
    return static_cast<std::size_t>(std::count(names.begin(), names.end(), '\n'));
  }

  TemporaryFolder folder_;
  const std::string service_ = "shop-of-" + std::to_string(getpid());
  PythonProgram target_{supported_interpreters().front().path, "growing.py", {service_}};
};

TEST_F(Cron, SnapshotsAndDiffFindWhatLeaks) {
  const std::vector<std::string> commands = crontab();
  ASSERT_EQ(commands.size(), 3u);
  for (int hour = 0; hour < 3; ++hour) {
    const Outcome taken = as_cron_runs(commands[0]);
    ASSERT_EQ(taken.status, 0) << commands[0] << taken.err;
    EXPECT_EQ(taken.out + taken.err, "");  // cron mails what is printed
    ASSERT_EQ(target_.ask("grow 10000"), "OK");
    std::this_thread::sleep_for(std::chrono::milliseconds(1050));  // the names have seconds
  }
  EXPECT_EQ(snapshots(), 3u);
  const Outcome told = as_cron_runs(commands[1]);
  EXPECT_EQ(told.err, "");
  EXPECT_NE(told.out.find("threshold exceeded: growth(bytes) ("), std::string::npos) << told.out;
  // The list that grows, the cache without bound, the handlers that nobody removes: the three first owners.
  const std::size_t owners = told.out.find("Whose they are");
  ASSERT_NE(owners, std::string::npos) << told.out;
  for (const char* const owner : {"\n__main__.cache ", "\n__main__.log ", "\n__main__.bus.handlers "}) {
    const std::size_t at = told.out.find(owner, owners);
    ASSERT_NE(at, std::string::npos) << owner << told.out;
    EXPECT_LE(std::count(told.out.begin() + static_cast<std::ptrdiff_t>(owners),
                         told.out.begin() + static_cast<std::ptrdiff_t>(at), '\n'),
              5)
        << told.out;
    EXPECT_NE(told.out.substr(at, told.out.find('\n', at + 1) - at).find("+20,000"), std::string::npos)
        << told.out;
  }
}

// cron itself looks in /usr/bin and /bin alone, and `cmake --install` puts the program elsewhere.
TEST_F(Cron, PathHasWhereTheProgramIsInstalled) {
  const std::vector<std::string> lines = lines_of_help();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.front().rfind("PATH=/usr/local/bin:", 0), 0u) << lines.front();
}

TEST_F(Cron, NothingIsMailedWhereNothingGrows) {
  const std::vector<std::string> commands = crontab();
  for (int hour = 0; hour < 2; ++hour) {
    if (hour) std::this_thread::sleep_for(std::chrono::milliseconds(1050));
    ASSERT_EQ(as_cron_runs(commands[0]).status, 0);
  }
  const Outcome told = as_cron_runs(commands[1]);
  EXPECT_EQ(told.status, 0);
  EXPECT_EQ(told.out + told.err, "");
}

TEST_F(Cron, GaugesComeIntoTheCollectorsFolder) {
  const Outcome outcome = as_cron_runs(crontab().at(2));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out + outcome.err, "");
  std::ifstream gauges(folder_.file("shop.prom"));
  const std::string text((std::istreambuf_iterator<char>(gauges)), {});
  EXPECT_NE(text.find("service=\"shop\""), std::string::npos) << text;
}

TEST_F(Cron, SystemdRunsTheSame) {
  std::string service, timer, command;
  std::string* unit = nullptr;
  for (const std::string& line : lines_of_help()) {
    if (line == "[Unit]") unit = service.empty() ? &service : &timer;
    if (line.rfind("apiVersion", 0) == 0) unit = nullptr;
    if (unit) *unit += at_home(line) + "\n";
    if (line.rfind("ExecStart=", 0) == 0) command = at_home(line.substr(10));
  }
  ASSERT_NE(timer.find("OnCalendar=hourly"), std::string::npos);
  // What systemd makes of the line.
  const Outcome outcome = as_cron_runs(replaced(replaced(command, "%%", "%"), "$$", "$"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(snapshots(), 1u);
  std::ofstream(folder_.file("heapglass-shop.service")) << service;
  std::ofstream(folder_.file("heapglass-shop.timer")) << timer;
  if (run_command({"systemd-analyze", "--version"}).status != 0)
    GTEST_SKIP() << "systemd-analyze is not here: the units were run, not verified";
  const Outcome verified = run_command({"systemd-analyze", "verify", folder_.file("heapglass-shop.service"),
                                        folder_.file("heapglass-shop.timer")});
  EXPECT_EQ(verified.err.find("heapglass-shop"), std::string::npos) << verified.err;
}

}  // namespace
}  // namespace heapglass
