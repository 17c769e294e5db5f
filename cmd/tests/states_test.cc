// Processes that are in a state of their own: each is told in a word, and what works there works.

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <regex>

#include "cmd/tests/proc_status.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
bool matches(const std::string& text, const std::string& pattern) {
  return std::regex_search(text, std::regex(pattern));
}

Outcome heapglass(const Words& words) {
  Words command{HEAPGLASS_PROGRAM};
  command.insert(command.end(), words.begin(), words.end());
  return run_command(command, "", "", std::chrono::minutes(2));
}
Outcome info(const std::string& target) { return heapglass({"info", "--format", "json", target}); }

// The key "state": a word, or a list that has it.
bool state_is(const Outcome& info, const std::string& state) {
  std::smatch found;
  return std::regex_search(info.out, found, std::regex("\"state\": *(\"[^\"]*\"|\\[[^\\]]*\\])")) &&
         has(found[1], "\"" + state + "\"");
}

bool one_line(const Outcome& outcome) {
  return std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1;
}

template <class Condition>
bool comes(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

int line_with(const std::string& program, const std::string& mark) {
  std::istringstream lines(file_text(kPrograms + program));
  std::string line;
  for (int n = 1; std::getline(lines, line); ++n)
    if (has(line, mark)) return n;
  return 0;
}

class StatesOnEvery : public testing::TestWithParam<Interpreter> {
 protected:
  // Asleep behind its READY.
  void wait_until_it_sleeps(const PythonProgram& target) {
    EXPECT_TRUE(comes([&] { return target.state() == 'S'; }));
  }
};

TEST_P(StatesOnEvery, HangingAtItsEndItTellsTheLine) {
  const std::string line = std::to_string(line_with("ending.py", "# THE LINE"));
  for (const char* when : {"modules", "builtins", "atexit"}) {
    PythonProgram target(GetParam().path, "ending.py", {when});
    wait_until_it_sleeps(target);
    const Outcome stacks = heapglass({"stacks", target.target()});
    EXPECT_EQ(stacks.status, 0) << when << stacks.err;
    EXPECT_TRUE(matches(stacks.out, "__del__ \\(.*ending\\.py:" + line + "\\)")) << when << stacks.out;
    const Outcome told = info(target.target());
    EXPECT_EQ(told.status, 0) << when << told.err;
    EXPECT_TRUE(state_is(told, "shutting down")) << when << told.out;
    EXPECT_TRUE(has(stacks.out, "shutting down: ")) << when << stacks.out;
  }
}

TEST_P(StatesOnEvery, HangingAtItsEndItsObjectsAreTold) {
  PythonProgram target(GetParam().path, "ending.py", {"builtins"});
  wait_until_it_sleeps(target);
  const Outcome histogram = heapglass({"histogram", target.target(), "--limit", "10000"});
  EXPECT_EQ(histogram.status, 0) << histogram.err;
  EXPECT_TRUE(matches(histogram.out, "dict +[3-9],[0-9]{3} ")) << histogram.out;
  for (const char* command : {"memory", "leaks", "garbage", "objects", "retained"}) {
    const Outcome outcome = heapglass({command, target.target()});
    EXPECT_EQ(outcome.status, 0) << command << outcome.err;
    EXPECT_TRUE(has(outcome.out, "shutting down")) << command << outcome.out;
  }
}

// Told as what it is, whatever of it is there already.
void expect_starting(const std::string& pid, const std::string& version) {
  const Outcome outcome = info(pid);
  if (outcome.status == 0) {
    EXPECT_TRUE(state_is(outcome, "starting")) << outcome.out;
    return;
  }
  EXPECT_EQ(outcome.status, 3) << outcome.err;
  EXPECT_TRUE(one_line(outcome)) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "process " + pid + " runs CPython " + version)) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "starting up")) << outcome.err;
}

bool sleeps_in_python(const std::string& pid) {
  const bool sleeps = comes([&] {
    return status_line(pid, "State").rfind("S", 0) == 0 &&
           has(file_text("/proc/" + pid + "/maps"), "ython") &&
           !has(file_text("/proc/" + pid + "/cmdline"), "gtest");
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  return sleeps && status_line(pid, "State").rfind("S", 0) == 0;
}

// From 3.11 on the interpreter reads this file before any of its objects is there; a pipe keeps it waiting.
TEST_P(StatesOnEvery, StartingUpBeforeItsFirstObject) {
  const TemporaryFolder folder;
  const std::string python = folder.file("python");
  std::filesystem::create_symlink(GetParam().path, python);
  ASSERT_EQ(mkfifo(folder.file("pyvenv.cfg").c_str(), 0600), 0);
  ChildProcess starting({python, "-S", "-c", "import time; time.sleep(1000)"}, {});
  const std::string pid = std::to_string(starting.pid());
  ASSERT_TRUE(sleeps_in_python(pid));
  const std::string version = GetParam().version;
  if (!version.starts_with("3.1") || version.starts_with("3.10."))
    GTEST_SKIP() << "this one does not wait for its pyvenv.cfg";
  expect_starting(pid, version);
}

// With -v it writes a line for each of its first imports, here to a pipe that is full.
TEST_P(StatesOnEvery, StartingUpAtItsFirstImport) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const std::string much(4096, '.');
  while (write(ends[1], much.data(), much.size()) > 0) continue;
  while (write(ends[1], ".", 1) > 0) continue;
  fcntl(ends[1], F_SETFL, 0);
  ChildProcess starting({GetParam().path, "-v", "-S", "-c", "import time; time.sleep(1000)"},
                        {-1, -1, ends[1]});
  const std::string pid = std::to_string(starting.pid());
  ASSERT_TRUE(sleeps_in_python(pid));
  expect_starting(pid, GetParam().version);
  for (const char* command : {"stacks", "histogram"}) {
    const Outcome outcome = heapglass({command, pid});
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 3) << command << outcome.err;
    EXPECT_TRUE(has(outcome.out + outcome.err, "starting up")) << command << outcome.out << outcome.err;
  }
  close(ends[0]);
  close(ends[1]);
}

TEST_P(StatesOnEvery, ItsMainThreadHasEnded) {
  PythonProgram target(GetParam().path, "without_main.py");
  ASSERT_EQ(target.state(), 'Z');
  for (const char* mode : {"copy", "none", "fork", "precopy"}) {
    const Outcome outcome = heapglass({"info", "--format", "json", "--freeze", mode, target.target()});
    EXPECT_EQ(outcome.status, 0) << mode << outcome.err;
    EXPECT_TRUE(state_is(outcome, "main thread ended")) << outcome.out;
    EXPECT_TRUE(matches(outcome.out, "\"pid\": *" + target.target() + "\\b")) << outcome.out;
  }
  const Outcome histogram = heapglass({"histogram", target.target(), "--limit", "10000"});
  EXPECT_TRUE(matches(histogram.out, "__main__\\.Held +1,000")) << histogram.out << histogram.err;
  EXPECT_TRUE(matches(heapglass({"stacks", target.target()}).out, "goes_on")) << target.target();
  kill(target.pid(), SIGSTOP);  // a list, now that two hold
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const Outcome stopped = info(target.target());
  EXPECT_TRUE(state_is(stopped, "main thread ended")) << stopped.out;
  EXPECT_TRUE(state_is(stopped, "stopped")) << stopped.out;
  const Outcome format_count = heapglass({"info", target.target()});
  EXPECT_EQ(format_count.status, 0) << format_count.err;
  EXPECT_TRUE(matches(format_count.out, "state +.*stopped.*main thread ended")) << format_count.out;
  kill(target.pid(), SIGCONT);
  EXPECT_TRUE(target.answers('?', '+'));
}

INSTANTIATE_TEST_SUITE_P(Live, StatesOnEvery, testing::ValuesIn(supported_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StatesOnEvery);

class States : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    python_ = supported_interpreters().back().path;
  }
  std::string python_;
};

TEST_F(States, AnOrdinaryProcessRuns) {
  PythonProgram target(python_, "frozen.py");
  const Outcome outcome = info(target.target());
  EXPECT_TRUE(matches(outcome.out, "\"state\": *\"running\"")) << outcome.out;
  EXPECT_FALSE(has(heapglass({"histogram", target.target()}).out, "running: "));
  EXPECT_TRUE(matches(heapglass({"info", target.target()}).out, "state +running")) << outcome.out;
}

TEST_F(States, StoppedAndTraced) {
  PythonProgram target(python_, "frozen.py");
  kill(target.pid(), SIGSTOP);
  ASSERT_TRUE(comes([&] { return target.state() == 'T'; }));
  EXPECT_TRUE(state_is(info(target.target()), "stopped"));
  EXPECT_TRUE(has(heapglass({"histogram", target.target()}).out, "stopped: it is stopped by a signal"));
  const pid_t tracer = fork();
  if (tracer == 0) {
    if (ptrace(PTRACE_SEIZE, target.pid(), nullptr, nullptr) != 0) _exit(1);
    for (;;) pause();
  }
  ASSERT_TRUE(comes([&] { return status_line(target.pid(), "TracerPid") != "0"; }));
  const Outcome refused = info(target.target());
  EXPECT_EQ(refused.status, 3);
  EXPECT_TRUE(one_line(refused)) << refused.err;
  // Our own command line is that of the tracer, which has called no execve.
  EXPECT_TRUE(matches(refused.err, "traced by process " + std::to_string(tracer) + " \\(.*test"))
      << refused.err;
  EXPECT_TRUE(has(refused.err, "--freeze=none")) << refused.err;
  const Outcome without = heapglass({"info", "--format", "json", "--freeze=none", target.target()});
  EXPECT_EQ(without.status, 0) << without.err;
  EXPECT_TRUE(state_is(without, "traced")) << without.out;
  kill(tracer, SIGKILL);
  waitpid(tracer, nullptr, 0);
  kill(target.pid(), SIGCONT);
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(States, OfASnapshotItIsThatOfTheProcess) {
  PythonProgram target(python_, "frozen.py");
  kill(target.pid(), SIGSTOP);
  ASSERT_TRUE(comes([&] { return target.state() == 'T'; }));
  const TemporaryFolder folder;
  const Outcome saved = heapglass({"snapshot", target.target(), "-o", folder.file("stopped.hgs")});
  ASSERT_EQ(saved.status, 0) << saved.err;
  EXPECT_TRUE(state_is(info(folder.file("stopped.hgs")), "stopped"));
  kill(target.pid(), SIGCONT);
}

TEST_F(States, InAVfork) {
  PythonProgram target(python_, "vforking.py", {"20"});
  ASSERT_TRUE(comes([&] { return target.state() == 'D'; }));
  const Outcome outcome = info(target.target());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(state_is(outcome, "vforking")) << outcome.out;
}

TEST_F(States, TheIdOfAThreadIsThatOfItsProcess) {
  PythonProgram target(python_, "threads.py");
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + target.target() + "/task")) {
    const Outcome outcome = info(task.path().filename().string());
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_TRUE(matches(outcome.out, "\"pid\": *" + target.target() + "\\b")) << outcome.out;
  }
  EXPECT_EQ(target.finish(), 0);
}

// Whenever it is looked at, it is one program or the other, or about to be: never no Python.
TEST_F(States, BecomingAnotherProgramItIsLookedAtAgain) {
  int answered = 0;
  for (const char* pause : {"0", "30", "300"}) {
    PythonProgram target(python_, "execing.py", {pause});
    for (int i = 0; i < 8; ++i) {
      const Outcome outcome = heapglass({"info", "--no-heap", target.target()});
      answered += outcome.status == 0;
      if (outcome.status == 0) continue;
      EXPECT_EQ(outcome.status, 3) << outcome.err;
      EXPECT_TRUE(matches(outcome.err, "became another program|starting up")) << outcome.err;
      EXPECT_TRUE(one_line(outcome)) << outcome.err;
    }
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
  }
  EXPECT_GT(answered, 0);
}

// A page that never comes: nobody waits for it, and the process is not held meanwhile.
TEST_F(States, APageThatNeverComesIsNotWaitedFor) {
  std::unique_ptr<PythonProgram> target;
  try {
    target = std::make_unique<PythonProgram>(python_, "missing_pages.py");
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();
  }
  for (const char* mode : {"copy", "none", "fork", "precopy", "auto"}) {
    const auto began = std::chrono::steady_clock::now();
    const Outcome outcome = heapglass({"histogram", target->target(), "--freeze", mode});
    EXPECT_EQ(outcome.status, 0) << mode << outcome.err;
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30)) << mode;
    EXPECT_EQ(status_line(target->pid(), "TracerPid"), "0") << mode;
  }
  EXPECT_TRUE(target->answers('?', '+'));
}

TEST_F(States, APageThatNeverComesAndIsNeededIsGivenUp) {
  std::unique_ptr<PythonProgram> target;
  try {
    target = std::make_unique<PythonProgram>(python_, "missing_pages.py", Words{"modules"});
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  for (const char* mode : {"copy", "none"}) {
    const auto began = std::chrono::steady_clock::now();
    const Outcome outcome = heapglass({"info", target->target(), "--freeze", mode});
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(60)) << mode;
    EXPECT_TRUE(outcome.status == 3 || outcome.status == 4) << outcome.status << outcome.out;
    EXPECT_TRUE(one_line(outcome)) << outcome.err;
    EXPECT_EQ(status_line(target->pid(), "TracerPid"), "0") << mode;
  }
}

// A file of a file system in user space whose server has stopped: a read of it could not even be killed.
TEST_F(States, AFileWhoseServerDoesNotAnswerIsLeftOut) {
  const TemporaryFolder folder;
  std::unique_ptr<PythonProgram> server;
  try {
    server = std::make_unique<PythonProgram>(python_, "file_server.py", Words{folder.path()});
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();
  }
  PythonProgram target(python_, "maps_a_file.py", {folder.path() + "/file"});
  kill(server->pid(), SIGSTOP);
  for (const char* mode : {"copy", "none", "fork", "precopy"}) {
    ChildProcess looking({HEAPGLASS_PROGRAM, "info", "--freeze", mode, target.target()}, {});
    EXPECT_EQ(looking.wait(std::chrono::seconds(30)), 0) << mode;
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0") << mode;
  }
  kill(server->pid(), SIGKILL);  // what still waits for it ends
  EXPECT_TRUE(target.answers('?', '+'));
  umount2(folder.path().c_str(), MNT_DETACH);
}

// A program of 32 bits that does nothing but wait: pause() again and again.
std::string thirty_two_bit_program() {
  const std::array<unsigned char, 9> code{0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7};
  std::string file(52 + 32, '\0');
  const auto put = [&](std::size_t at, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) file[at + i] = static_cast<char>(value >> 8 * i);
  };
  constexpr std::uint64_t kBase = 0x8048000;
  file.replace(0, 7,
               std::string("\x7f"
                           "ELF\x01\x01\x01",
                           7));
  put(16, 2, 2), put(18, 3, 2), put(20, 1, 4);          // ET_EXEC, EM_386, version
  put(24, kBase + file.size(), 4), put(28, 52, 4);      // entry, program headers
  put(40, 52, 2), put(42, 32, 2), put(44, 1, 2);        // sizes, one header
  put(52, 1, 4), put(60, kBase, 4), put(64, kBase, 4);  // PT_LOAD of the whole file
  put(68, file.size() + code.size(), 4), put(72, file.size() + code.size(), 4), put(76, 5, 4),
      put(80, 4096, 4);
  return file + std::string(code.begin(), code.end());
}

TEST(OtherPrograms, OfThirtyTwoBits) {
  const TemporaryFolder folder;
  const std::string program = folder.file("small");
  std::ofstream(program) << thirty_two_bit_program();
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  ChildProcess small({program}, {});
  if (!comes([&] { return has(file_text("/proc/" + std::to_string(small.pid()) + "/comm"), "small"); }) ||
      small.wait(std::chrono::milliseconds(100)) != -1)
    GTEST_SKIP() << "this kernel runs no 32-bit programs";
  const Outcome outcome = info(std::to_string(small.pid()));
  EXPECT_EQ(outcome.status, 4) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "is a 32-bit program")) << outcome.err;
  EXPECT_TRUE(one_line(outcome)) << outcome.err;
}

TEST(OtherPrograms, PythonsThatAreNotReadAreNamed) {
  const std::string home = std::getenv("HOME") ? std::getenv("HOME") : "";
  bool found = false;
  for (const auto& [path, name] : {std::pair{"2.7.18/bin/python2.7", "CPython 2.7.18"},
                                   std::pair{"3.6.15/bin/python3.6", "CPython 3.6.15"},
                                   std::pair{"pypy3.10-7.3.17/bin/pypy3", "PyPy"}}) {
    const std::string python = home + "/.pyenv/versions/" + path;
    if (access(python.c_str(), X_OK) != 0) continue;
    found = true;
    ChildProcess other({python, "-c", "import time; time.sleep(1000)"}, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    const std::string pid = std::to_string(other.pid());
    const Outcome outcome = info(pid);
    EXPECT_EQ(outcome.status, 4) << outcome.err;
    EXPECT_TRUE(has(outcome.err, "process " + pid + " runs " + name + ", which heapglass does not read"))
        << outcome.err;
    EXPECT_TRUE(one_line(outcome)) << outcome.err;
  }
  if (!found) GTEST_SKIP() << "no such interpreter here";
}

}  // namespace
}  // namespace heapglass
