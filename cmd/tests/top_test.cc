// The screen of top in a terminal of tmux: what it shows, what its keys do, and that the terminal is as
// before on every way out.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <regex>
#include <thread>

#include "cmd/tests/file_contents.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;
using std::chrono::seconds;

bool has_tmux() { return run_command({"tmux", "-V"}).status == 0; }

// A shell in a terminal of its own.
class TmuxTerminal {
 public:
  explicit TmuxTerminal(const Words& environment = {"LC_ALL=C.UTF-8"}) {
    Words command = tmux({"-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-s", "t"});
    command.insert(command.end(), {"env", "-u", "NO_COLOR", "PS1=$ "});
    command.insert(command.end(), environment.begin(), environment.end());
    command.insert(command.end(), {"sh", "-i"});
    EXPECT_EQ(run_command(command).status, 0);
  }
  ~TmuxTerminal() { close(); }
  void close() { run_command(tmux({"kill-server"})); }

  void keys(const Words& keys) {
    Words command = tmux({"send-keys", "-t", "t"});
    command.insert(command.end(), keys.begin(), keys.end());
    run_command(command);
  }
  void type(const std::string& line) {
    run_command(tmux({"send-keys", "-t", "t", "-l", line}));
    keys({"Enter"});
  }
  void resize(int columns, int lines) {
    run_command(
        tmux({"resize-window", "-t", "t", "-x", std::to_string(columns), "-y", std::to_string(lines)}));
  }
  std::string screen(bool with_colors = false) const {
    Words command = tmux({"capture-pane", "-p", "-t", "t"});
    if (with_colors) command.push_back("-e");
    return run_command(command).out;
  }
  // The screen once it is so, or as it is when the time is over: with the failure of the test.
  std::string wait_for(const std::function<bool(const std::string&)>& is_so, const std::string& what) const {
    std::string now;
    for (int i = 0; i < 250; ++i) {
      now = screen();
      if (is_so(now)) return now;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << "no screen with " << what << ", but:\n" << now;
    return now;
  }
  std::string wait_for(const std::string& text) const {
    return wait_for([&](const std::string& now) { return now.find(text) != now.npos; }, text);
  }

 private:
  Words tmux(Words words) const {
    words.insert(words.begin(), {"tmux", "-S", folder_.file("socket")});
    return words;
  }
  TemporaryFolder folder_;
};

// The lines of a screen that are rows of the table: those behind its heading.
Words rows_of(const std::string& screen, const std::string& heading) {
  Words rows;
  std::istringstream lines(screen);
  bool in_table = false;
  for (std::string line; std::getline(lines, line);) {
    if (in_table && !line.empty() && !line.starts_with("q quit")) rows.push_back(line);
    in_table |= line.ends_with(heading);
  }
  return rows;
}

class TopScreen : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_tmux()) GTEST_SKIP() << "tmux is not here (scripts/setup --tests)";
    target_ = a_target();
  }
  // Whose Sessions are among what is most.
  std::unique_ptr<PythonProgram> a_target() const {
    auto target = std::make_unique<PythonProgram>(python_.path, "growing.py");
    EXPECT_EQ(target->ask("grow 3000"), "OK");
    return target;
  }
  // Between two readings of the terminal's modes, and with its exit code.
  void start(TmuxTerminal& terminal, const std::string& arguments) {
    terminal.type("cd " + folder_.file("") + "; stty -a > before; " + HEAPGLASS_PROGRAM + " top " +
                  arguments + " 2> said; echo ended with $?; stty -a > after; echo $?'|'");
  }
  void expect_end(const TmuxTerminal& terminal, int code) {
    const std::string screen = terminal.wait_for("0|\n");
    EXPECT_NE(screen.find("ended with " + std::to_string(code) + "\n"), screen.npos) << screen;
    EXPECT_EQ(contents(folder_.file("before")), contents(folder_.file("after")));
    EXPECT_NE(contents(folder_.file("before")), "");
  }
  std::string pid_of_top() const {
    const std::string pid =
        run_command({"pgrep", "-n", "-f", "^" HEAPGLASS_PROGRAM " top " + target_->target()}).out;
    EXPECT_FALSE(pid.empty());
    return pid.substr(0, pid.find('\n'));
  }
  const Interpreter python_ = supported_interpreters().back();
  std::unique_ptr<PythonProgram> target_;
  TemporaryFolder folder_;
};

TEST_F(TopScreen, StartsSortsFiltersDrillsAndResizes) {
  TmuxTerminal terminal;
  start(terminal, target_->target() + " --share 0");
  const std::string first = terminal.wait_for("__main__.Session");
  EXPECT_TRUE(first.starts_with(target_->target() + " /")) << first;
  EXPECT_NE(first.substr(0, first.find('\n')).find("growing.py"), first.npos) << first;
  EXPECT_NE(first.find("CPython " + python_.version), first.npos) << first;
  EXPECT_NE(first.find(" by precopy"), first.npos) << first;
  // By bytes, and by name.
  terminal.keys({"a"});
  terminal.wait_for("type^");
  const Words by_name = rows_of(terminal.screen(), "type^");
  ASSERT_GT(by_name.size(), 5u);
  terminal.keys({"a"});
  const Words reversed = rows_of(terminal.wait_for("typev"), "typev");
  EXPECT_NE(by_name.front(), reversed.front());
  // What grows is seen.
  ASSERT_EQ(target_->ask("grow 2000"), "OK");
  terminal.keys({"t"});
  terminal.wait_for(
      [](const std::string& now) {
        const Words rows = rows_of(now, "type");
        return now.find("since startv") != now.npos && !rows.empty() &&
               rows[0].find('+') != std::string::npos;
      },
      "growth since the start");
  terminal.keys({"/", "S", "e", "s", "s", "i", "o", "n", "Enter"});
  const std::string filtered = terminal.wait_for(
      [](const std::string& now) { return rows_of(now, "type").size() == 1; }, "one type with Session");
  EXPECT_NE(rows_of(filtered, "type")[0].find("10,020 "), std::string::npos) << filtered;
  // Who holds them.
  terminal.keys({"Enter"});
  const std::string detail = terminal.wait_for("module __main__ -> cache -> dict");
  EXPECT_NE(detail.find("Who holds __main__.Session"), detail.npos) << detail;
  EXPECT_NE(detail.find("handlers"), detail.npos) << detail;
  terminal.keys({"q"});
  terminal.wait_for("since startv");
  for (const auto& [columns, lines] : {std::pair{40, 10}, std::pair{200, 50}, std::pair{80, 24}}) {
    terminal.resize(columns, lines);
    const std::string resized = terminal.wait_for(
        [&, at = static_cast<std::size_t>(lines)](const std::string& now) {
          // The keys are on the last line.
          Words all;
          std::istringstream in(now);
          for (std::string line; std::getline(in, line);) all.push_back(line);
          return all.size() == at && all.back().starts_with("q quit") &&
                 now.find("__main__.Session") != now.npos;
        },
        std::to_string(lines) + " lines");
  }
  terminal.keys({"Tab"});
  terminal.keys({"Escape"});
  terminal.wait_for("__main__.cache  dict");
  // Stopped updating, the screen stays as it is.
  terminal.keys({"Space"});
  terminal.wait_for("stopped updating");
  const std::string stopped = terminal.screen();
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_EQ(terminal.screen(), stopped);
  terminal.keys({"q"});
  expect_end(terminal, 0);
  EXPECT_EQ(contents(folder_.file("said")), "");
}

TEST_F(TopScreen, WritesASnapshotAndAReportThatAreTheUsersAlone) {
  TmuxTerminal terminal;
  start(terminal, target_->target());
  terminal.wait_for("__main__.Session");
  for (const std::string key : {"s", "r"}) {
    terminal.keys({key});
    terminal.wait_for(key == "s" ? ".hg has been written" : ".html has been written");
  }
  terminal.keys({"q"});
  expect_end(terminal, 0);
  int snapshots = 0, reports = 0;
  for (const auto& each : std::filesystem::directory_iterator(folder_.file(""))) {
    const std::string path = each.path();
    if (path.find("heapglass-" + target_->target() + "-") == path.npos) continue;
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << path;
    if (path.ends_with(".hg")) {
      ++snapshots;
      EXPECT_EQ(run_command({HEAPGLASS_PROGRAM, "info", path}).status, 0);
    }
    reports += path.ends_with(".html");
  }
  EXPECT_EQ(snapshots, 1);
  EXPECT_EQ(reports, 1);
}

TEST_F(TopScreen, TheTerminalIsAsBeforeWhateverEndsIt) {
  for (const std::string end : {"C-c", "TERM", "HUP", "QUIT", "SEGV", "target"}) {
    SCOPED_TRACE(end);
    if (!target_) target_ = a_target();
    TmuxTerminal terminal;
    start(terminal, target_->target());
    terminal.wait_for("__main__.Session");
    int code = 130;
    if (end == "C-c") {
      terminal.keys({"C-c"});
    } else if (end == "target") {
      target_.reset();
      code = 0;
    } else {
      run_command({"kill", "-" + end, pid_of_top()});
      code =
          128 +
          std::map<std::string, int>{{"TERM", SIGTERM}, {"HUP", SIGHUP}, {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV}}
              .at(end);
    }
    expect_end(terminal, code);
    const std::string said = contents(folder_.file("said"));
    if (end == "target")
      EXPECT_TRUE(said.starts_with("heapglass: ") && said.find(": it was looked at ") != said.npos) << said;
    else if (end == "SEGV")
      EXPECT_TRUE(said.starts_with("heapglass: internal error: SIGSEGV")) << said;
    else
      EXPECT_EQ(said, "");
  }
}

TEST_F(TopScreen, GivesTheTerminalBackWhileItIsSuspended) {
  TmuxTerminal terminal;
  start(terminal, target_->target());
  terminal.wait_for("__main__.Session");
  terminal.keys({"C-z"});
  terminal.wait_for("topped");  // Stopped, says the shell
  EXPECT_EQ(terminal.screen().find("__main__.Session"), std::string::npos);
  EXPECT_EQ(target_->ask("grow 1"), "OK");
  terminal.type("fg");
  terminal.wait_for("__main__.Session");
  terminal.keys({"q"});
  terminal.wait_for([](const std::string& now) { return now.find("__main__.Session") == now.npos; },
                    "the shell");
}

TEST_F(TopScreen, EndsWithItsTerminal) {
  TmuxTerminal terminal;
  start(terminal, target_->target());
  terminal.wait_for("__main__.Session");
  const std::string pid = pid_of_top();
  terminal.close();
  for (int i = 0; i < 300 && std::filesystem::exists("/proc/" + pid); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(std::filesystem::exists("/proc/" + pid));
  EXPECT_EQ(target_->ask("grow 1"), "OK");
}

TEST_F(TopScreen, WithoutUtf8ColoursAndTerminfo) {
  TmuxTerminal terminal({"LC_ALL=C", "NO_COLOR=1"});
  terminal.type("export TERM=no-such-terminal");
  start(terminal, target_->target());
  terminal.wait_for("__main__.Session");
  terminal.wait_for("RSS =");  // the sparkline of a value that stays
  const std::string plain = terminal.screen(true);
  EXPECT_TRUE(
      std::all_of(plain.begin(), plain.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  EXPECT_FALSE(std::regex_search(plain, std::regex("\x1b\\[[34][0-8]"))) << plain;
  terminal.keys({"q"});
  terminal.wait_for("ended with 0");
  terminal.keys({"Enter"});
  start(terminal, target_->target() + " --color always");
  terminal.wait_for("__main__.Session");
  terminal.wait_for(
      [&](const std::string&) { return terminal.screen(true).find("\x1b[34m") != std::string::npos; },
      "blue");
}

TEST_F(TopScreen, ListsTheProcessesAndOpensOne) {
  TmuxTerminal terminal;
  start(terminal, "--interval 500ms");
  terminal.wait_for("the Python processes of this machine");
  terminal.keys({"/"});
  terminal.type(target_->target());
  terminal.wait_for([](const std::string& now) { return rows_of(now, "command").size() == 1; },
                    "one process");
  terminal.keys({"o"});
  terminal.wait_for(
      [&](const std::string& now) {
        const Words rows = rows_of(now, "command");
        return rows.size() == 1 && std::count(rows[0].begin(), rows[0].end(), ',') >= 1;
      },
      "a count of objects");
  terminal.keys({"Enter"});
  terminal.wait_for("__main__.Session");
  // A target that ends leads back to the list.
  target_.reset();
  terminal.wait_for("it was looked at");
  terminal.wait_for("the Python processes of this machine");
  terminal.keys({"q"});
  expect_end(terminal, 0);
}

TEST_F(TopScreen, ListsThoseOfAFamilyOnly) {
  const auto other = a_target();
  TmuxTerminal terminal;
  start(terminal, "--family " + target_->target() + " --interval 500ms");
  terminal.wait_for(
      [&](const std::string& now) {
        const Words rows = rows_of(now, "command");
        return rows.size() == 1 && rows[0].find(target_->target()) != std::string::npos;
      },
      "the only process of the family");
  // None is left of it, and the list goes on.
  target_.reset();
  terminal.wait_for("nothing is known yet");
  terminal.keys({"q"});
  expect_end(terminal, 0);
}

TEST_F(TopScreen, SpellsOutHostileNames) {
  const std::string names = folder_.file("names");
  const PythonProgram hostile(python_.path, "hostile_names.py", {names});
  TmuxTerminal terminal;
  terminal.resize(160, 300);
  start(terminal, hostile.target());
  terminal.wait_for("type\n");
  const std::string types = folder_.file("types");
  std::ofstream(types) << terminal.screen();
  terminal.keys({"Tab"});
  terminal.wait_for("sys.path_importer_cache");
  const std::string owners = folder_.file("owners");
  std::ofstream(owners) << terminal.screen();
  terminal.keys({"q"});
  const Outcome checked = run_command({"python3", "-B", HEAPGLASS_SOURCE_DIR "/testdata/check_hidden.py",
                                       names, "text=" + types, "text=" + owners});
  EXPECT_EQ(checked.status, 0) << checked.out.substr(0, 5000) << checked.err;
}

TEST(Top, IsForATerminalAlone) {
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "top"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("top needs a terminal"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace heapglass
