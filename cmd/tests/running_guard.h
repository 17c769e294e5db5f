// heapglass guard as it runs in a test, and groups for it to watch.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cmd/tests/python_program.h"

namespace heapglass {

using std::chrono::milliseconds;

inline Outcome heapglass(std::vector<std::string> words) {
  words.insert(words.begin(), HEAPGLASS_PROGRAM);
  return run_command(words);
}

// Its files, written in place: guard may read at any time.
class GroupOfFiles {
 public:
  GroupOfFiles(std::string path, pid_t pid) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    write("memory.max", std::to_string(100'000'000));
    write("memory.stat", "inactive_file 0");
    write("memory.events", "low 0\nhigh 0\nmax 0\noom 0");
    write("cgroup.procs", std::to_string(pid));
    write("memory.current", std::to_string(10'000'000));
  }
  void use(std::uint64_t bytes) const {
    write("memory.current", std::to_string(bytes));
    tell();
  }
  void tell(int events = 0) const {
    write("memory.events", "low 0\nhigh 0\nmax " + std::to_string(events) + "\noom 0");
  }
  void write(const std::string& name, std::string text) const {
    text.resize(64, '\n');
    std::fstream file(path_ + "/" + name, std::ios::in | std::ios::out);
    if (!file) file.open(path_ + "/" + name, std::ios::out);
    file << text << std::flush;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class RunningGuard {
 public:
  explicit RunningGuard(const std::string& rules)
      : RunningGuard(std::vector<std::string>{HEAPGLASS_PROGRAM, "guard", rules}) {}
  explicit RunningGuard(const std::vector<std::string>& command)
      : said_(memfd_create("guard-said", MFD_CLOEXEC)), process_(command, {-1, -1, said_}) {
    wait_for("guard began");
  }
  ~RunningGuard() { close(said_); }
  std::string said() const {
    std::string text(1 << 16, '\0');
    const ssize_t got = pread(said_, text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
  }
  // Whether the text comes, `times` times.
  testing::AssertionResult wait_for(const std::string& text, std::size_t times = 1) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      const std::string all = said();
      std::size_t found = 0;
      for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; ++at) ++found;
      if (found >= times) return testing::AssertionSuccess();
      std::this_thread::sleep_for(milliseconds(5));
    }
    return testing::AssertionFailure() << "no '" << text << "' in:\n" << said();
  }
  // Its exit code at SIGTERM.
  int end(int signal = SIGTERM) {
    kill(process_.pid(), signal);
    return process_.wait(std::chrono::seconds(30));
  }
  pid_t pid() const { return process_.pid(); }

 private:
  int said_;
  ChildProcess process_;
};

class Guard : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  }
  std::string rules(const std::string& text, const std::string& above = "") {
    std::ofstream(folder_.file("rules")) << "folder = " << files() << "\n" << above << text;
    return folder_.file("rules");
  }
  std::string files() const { return folder_.file("files"); }
  std::vector<std::string> files_with(const std::string& ending) const {
    std::vector<std::string> found;
    for (const auto& each : std::filesystem::directory_iterator(files()))
      if (each.path().string().ends_with(ending)) found.push_back(each.path());
    std::sort(found.begin(), found.end());
    return found;
  }
  // Of no killed or failed action.
  void expect_nothing_unfinished() const {
    EXPECT_TRUE(files_with("").size() >= 2) << files();
    EXPECT_EQ(unfinished(), 0u);
  }
  std::size_t unfinished() const {
    std::size_t found = 0;
    for (const auto& each : std::filesystem::directory_iterator(files()))
      found += each.path().filename().string().starts_with(".heapglass-");
    return found;
  }
  static PythonProgram program(const std::string& argument = "x") {
    return PythonProgram(few_interpreters().back().path, "growing.py", {argument});
  }
  void cross(const GroupOfFiles& group) const {
    group.use(10'000'000);
    // It is read at the event: not before the readings of both have been apart.
    std::this_thread::sleep_for(milliseconds(150));
    group.use(95'000'000);
  }

  TemporaryFolder folder_;
};

}  // namespace heapglass
