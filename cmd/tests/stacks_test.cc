// What stacks says of threads, locks and tasks is what the interpreter says of itself.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class Stacks : public testing::TestWithParam<Interpreter> {
 protected:
  // Asks stacks of the target and holds the answer against what the program told when it was ready.
  void expect_told(const PythonProgram& program, const std::string& target, const std::string& compare,
                   const std::vector<std::string>& options = {}) {
    const std::string told = folder_.file("told"), answer = folder_.file("answer");
    std::ofstream(told) << program.ready_line();
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "stacks", target,     "--locals", "--repr", "1000",
                                     "--depth",         "0",      "--format", "json",     "-o",     answer};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome outcome = run_command(command);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const Outcome verdict = run_command({"python3", kPrograms + compare, told, answer});
    EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
  }
  TemporaryFolder folder_;
};

TEST_P(Stacks, OfThreadsLocksAndDeadlocks) {
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  expect_told(program, program.target(), "compare_stacks.py");
}

TEST_P(Stacks, OfTasks) {
  const PythonProgram program(GetParam().path, "await_chains.py");
  expect_told(program, program.target(), "compare_tasks.py");
}

// A thousand connections that wait at the same place are one row for people; programs get each.
TEST_P(Stacks, TasksThatStandAlikeAreOneRow) {
  const PythonProgram program(std::vector<std::string>{GetParam().path, "-c", R"py(
import asyncio, sys, threading
async def serve(n):
    await asyncio.sleep(1000)
async def other():
    await asyncio.sleep(1000)
async def main():
    tasks = [asyncio.ensure_future(serve(n)) for n in range(200)] + [asyncio.ensure_future(other())]
    await asyncio.sleep(0.1)
    print("READY", flush=True)
    await asyncio.get_event_loop().run_in_executor(None, sys.stdin.read)
asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main())
)py"});
  const Outcome people = run_command({HEAPGLASS_PROGRAM, "stacks", program.target()});
  ASSERT_EQ(people.status, 0) << people.err;
  EXPECT_NE(people.out.find("200 tasks alike: "), std::string::npos) << people.out;
  EXPECT_LT(people.out.size(), 10'000u);
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--unfold"}, {"--format", "json"}}) {
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "stacks", program.target()};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome all = run_command(command);
    std::size_t times = 0;
    for (std::size_t at = 0; (at = all.out.find("serve", at)) != std::string::npos; ++at) ++times;
    EXPECT_GE(times, 200u) << options[0];
    EXPECT_EQ(all.out.find("alike"), std::string::npos) << options[0];
  }
}

INSTANTIATE_TEST_SUITE_P(Live, Stacks, testing::ValuesIn(interpreters_of_the_day("Stacks")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Stacks);

std::string packages_of(const std::string& version, const std::string& package) {
  return HEAPGLASS_SOURCE_DIR "/.packages/" + version.substr(0, version.find('.', 2)) + "/" + package;
}

// With what scripts/fetch-packages has brought for this version, if that loads.
class StacksOfGreenlets : public Stacks {
 protected:
  void expect_told_by(const std::string& program, const std::string& module) {
    std::string tried;
    for (const char* package : {"gevent", "sqlalchemy_orm"}) {
      const std::string packages = packages_of(GetParam().version, package);
      tried += " " + packages;
      if (!std::filesystem::exists(packages + "/" + module)) continue;
      setenv("PYTHONPATH", packages.c_str(), 1);
      if (run_command({GetParam().path, "-B", "-c", "import " + module}).status == 0) {
        const PythonProgram target(GetParam().path, program);
        expect_told(target, target.target(), "compare_greenlets.py");
        return;
      }
      tried += " (does not load)";  // another build of Python, an older libc
    }
    GTEST_SKIP() << "left out: there is no " << module << " in" << tried;
  }
  ~StacksOfGreenlets() override { unsetenv("PYTHONPATH"); }
};

TEST_P(StacksOfGreenlets, AreTheirs) { expect_told_by("greenlets.py", "greenlet"); }

// The hub is what its thread runs; the main greenlet, those that wait and a pool's thread are beside it.
TEST_P(StacksOfGreenlets, OfAService) { expect_told_by("gevents.py", "gevent"); }

INSTANTIATE_TEST_SUITE_P(Live, StacksOfGreenlets,
                         testing::ValuesIn(interpreters_of_the_day("StacksOfGreenlets")), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StacksOfGreenlets);

// The one of this machine, or what scripts/fetch-packages has brought for any version: it is a program.
std::string py_spy() {
  for (const Interpreter& each : supported_interpreters()) {
    const std::string program = packages_of(each.version, "py_spy") + "/bin/py-spy";
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return run_command({"sh", "-c", "command -v py-spy"}).status == 0 ? "py-spy" : "";
}

TEST_P(Stacks, AreThoseOfPySpy) {
  const std::string other = py_spy();
  if (other.empty()) GTEST_SKIP() << "left out: no py-spy; scripts/fetch-packages py_spy brings one";
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  const Outcome dump = run_command({other, "dump", "--json", "--pid", program.target()});
  // It does not know every release, nor an interpreter that a loader of its own has started.
  if (dump.status != 0) GTEST_SKIP() << "left out: py-spy says " << dump.err.substr(0, dump.err.find('\n'));
  const std::string theirs = folder_.file("theirs"), answer = folder_.file("answer");
  std::ofstream(theirs) << dump.out;
  const Outcome outcome = run_command(
      {HEAPGLASS_PROGRAM, "stacks", program.target(), "--depth", "0", "--format", "json", "-o", answer});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Outcome verdict = run_command({"python3", kPrograms + "compare_py_spy.py", theirs, answer});
  EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
}

// However the process is held or kept. The oldest and the newest interpreter: between them the C structs of
// locks have changed all.
class StacksHeld : public Stacks {};

TEST_P(StacksHeld, StoppedByASignal) {
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  kill(program.pid(), SIGSTOP);
  while (program.state() != 'T') usleep(1000);
  expect_told(program, program.target(), "compare_stacks.py");
  EXPECT_EQ(program.state(), 'T');
}

TEST_P(StacksHeld, NotAtAll) {
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  expect_told(program, program.target(), "compare_stacks.py", {"--freeze=none"});
}

TEST_P(StacksHeld, Spinning) {
  const PythonProgram program(GetParam().path, "stacks.py", {"--spin"});
  expect_told(program, program.target(), "compare_stacks.py");
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "stacks", program.target()});
  EXPECT_NE(outcome.out.find("running, has the GIL"), std::string::npos) << outcome.out;
}

// Which pages such an answer reads is others each time, and yet all of it is of one moment.
TEST_P(StacksHeld, OfAProcessThatNeverRunsTheSameCodeTwice) {
  const PythonProgram program(GetParam().path, "never_the_same.py");
  int seen = 0;
  for (int look = 0; look < 12; ++look) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "stacks", program.target(), "--locals"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    static const std::regex kTurn(
        R"(turn_(\d+) \(<turn (\d+)>:\d+\)[^(]*\n\s*turn\s+=?\s*(\d+)\n\s*text\s+=?\s*'turn number (\d+)')");
    std::smatch turn;
    if (!std::regex_search(outcome.out, turn, kTurn)) continue;  // it was about to make the next one
    ++seen;
    for (int i = 2; i <= 4; ++i) EXPECT_EQ(turn[1], turn[i]) << outcome.out;
  }
  EXPECT_GT(seen, 6);
}

// Of a process of 200 MB some hundred pages.
TEST_P(StacksHeld, TakeLittleOfALargeProcess) {
  const PythonProgram program(GetParam().path, "big.py", {"1500000"});
  const Outcome info =
      run_command({HEAPGLASS_PROGRAM, "info", "--no-heap", program.target(), "--format", "json"});
  ASSERT_EQ(info.status, 0) << info.err;
  const auto number = [&](const std::string& key) {
    const std::size_t at = info.out.find("\"" + key + "\": ");
    return at == std::string::npos ? 0 : std::stoull(info.out.substr(at + key.size() + 4));
  };
  EXPECT_GT(number("rss"), 100u << 20) << info.out;
  EXPECT_GT(number("bytes_copied"), 0u) << info.out;
  EXPECT_LT(number("bytes_copied"), 8u << 20) << info.out;
}

INSTANTIATE_TEST_SUITE_P(Live, StacksHeld, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StacksHeld);

class NativeStacks : public testing::TestWithParam<Interpreter> {};

// Frame by frame what gdb unwinds, through libraries, callbacks and a signal handler; of the process and of
// its core.
TEST_P(NativeStacks, AreThoseOfGdb) {
  const TemporaryFolder folder;
  const PythonProgram program(GetParam().path, "native_stacks.py");
  const std::string script = folder.file("frames.py"), frames = folder.file("frames");
  std::ofstream(script) << R"py(
gdb.execute("set backtrace past-main on")
gdb.execute("set backtrace past-entry on")
for thread in sorted(gdb.selected_inferior().threads(), key=lambda each: each.num):
    thread.switch()
    frame = gdb.newest_frame()
    while frame is not None:
        name = "SIGNAL" if frame.type() == gdb.SIGTRAMP_FRAME else frame.name() or "?"
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):  # these have no frame on the stack
            print("frame", thread.ptid[1], hex(frame.pc()), name)
        frame = frame.older()
)py";
  const Outcome gdb =
      run_command({"gdb", "-nx", "-batch", "-p", program.target(), "-ex", "source " + script});
  if (gdb.out.find("frame ") == std::string::npos) GTEST_SKIP() << "gdb is not there, or may not trace";
  const bool by_loader = std::filesystem::read_symlink("/proc/" + program.target() + "/exe")
                             .filename()
                             .string()
                             .starts_with("ld-");
  std::ofstream(frames) << (by_loader ? "" : gdb.out);
  std::vector<std::string> targets{program.target()};
  // gdb 13 leaves pages of the stacks out of some cores (see snapshot_test.cc), so the others have theirs
  // compared.
  if (!by_loader)
    if (const std::string core = gcore(program, folder); !core.empty()) targets.push_back(core);
  for (const std::string& target : targets) {
    const std::string answer = folder.file("answer");
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "stacks", target, "--native", "--format", "json", "-o", answer});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const Outcome verdict = run_command({"python3", kPrograms + "compare_native.py", answer, frames});
    EXPECT_EQ(verdict.status, 0) << target << ": " << verdict.out << verdict.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Live, NativeStacks, testing::ValuesIn(interpreters_of_the_day("NativeStacks")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NativeStacks);

TEST(NativeStacksOfASnapshot, AreRefused) {
  const TemporaryFolder folder;
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram program(supported_interpreters().back().path, "native_stacks.py");
  const std::string file = folder.file("snapshot");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", program.target(), "-o", file}).status, 0);
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "stacks", file, "--native"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("a snapshot has nothing of the machine code"), std::string::npos) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

class StacksInACore : public Stacks {};

TEST_P(StacksInACore, AreThose) {
  setenv("MALLOC_ARENA_MAX", "1", 1);  // what malloc has put by for each thread would be in the core too
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  unsetenv("MALLOC_ARENA_MAX");
  const std::string core = gcore(program, folder_);
  if (core.empty()) GTEST_SKIP() << "gdb is not there, or may not trace";
  expect_told(program, core, "compare_stacks.py");
}

// gcore leaves out the stacks that glibc 2.42 makes, on which the newest run.
std::vector<Interpreter> with_stacks_in_cores() {
  auto all = supported_interpreters();
  std::erase_if(all,
                [](const Interpreter& each) { return each.version >= "3.13.6" || each.version < "3.10"; });
  if (all.size() < 2) return all;
  return {all.front(), all.back()};
}

INSTANTIATE_TEST_SUITE_P(Live, StacksInACore, testing::ValuesIn(with_stacks_in_cores()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StacksInACore);

}  // namespace
}  // namespace heapglass
