// Targets that cannot be read, or only with care: each has its own message and exit code, and none is harmed.

#include <gtest/gtest.h>
#include <sys/ptrace.h>

#include <filesystem>
#include <regex>

#include "cmd/tests/proc_status.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// One line on stderr that says this, nothing on stdout, and this exit code.
void expect_refused(const Outcome& outcome, int status, const std::string& says) {
  EXPECT_EQ(outcome.status, status);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_TRUE(std::regex_search(outcome.err, std::regex(says, std::regex::icase)))
      << outcome.err << "has no " << says;
}

Outcome info(const std::string& target) { return run_command({HEAPGLASS_PROGRAM, "info", target}); }

class OnPython : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) {
      GTEST_SKIP() << "no interpreter that heapglass reads";
    }
    python_ = supported_interpreters().front().path;
  }
  std::string python_;
};

TEST(BadTarget, NoSuchProcess) {
  pid_t gone = 0;
  {
    ChildProcess child({"true"}, {});
    gone = child.pid();
    child.wait(std::chrono::seconds(10));
  }
  expect_refused(
      info(std::to_string(gone)), 3,
      "no (such )?process.*" + std::to_string(gone) + "|" + std::to_string(gone) + ".*no (such )?process");
  expect_refused(info("4194999"), 3, "no (such )?process");  // past every pid_max
}

TEST(BadTarget, NeitherProcessNorFile) {
  for (const char* target : {"no/such/file", "0", "-1x", "99999999999999999999"}) {
    expect_refused(info(target), 2, target);
  }
}

TEST(BadTarget, NotPython) {
  ChildProcess sleeping({"sleep", "100"}, {});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // until it is sleep and no longer us
  expect_refused(info(std::to_string(sleeping.pid())), 4, "python");
}

TEST(BadTarget, VersionsThatAreNotRead) {
  const char* home = std::getenv("HOME");
  bool found = false;
  for (const char* pattern : {"2.7.18/bin/python2.7", "3.6.15/bin/python3.6"}) {
    const std::string python = std::string(home ? home : "") + "/.pyenv/versions/" + pattern;
    if (access(python.c_str(), X_OK) != 0) {
      continue;
    }
    found = true;
    ChildProcess old({python, "-c", "import time; time.sleep(100)"}, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    expect_refused(info(std::to_string(old.pid())), 4, "3\\.[0-9]|version");
  }
  for (const Interpreter& each : all_interpreters()) {
    if (each.read) {
      continue;
    }
    // No row promises these. Debug information may make one readable all the same; if not, that is said.
    found = true;
    ChildProcess other({each.path, "-c", "import time; time.sleep(100)"}, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    if (const Outcome outcome = info(std::to_string(other.pid())); outcome.status != 0) {
      expect_refused(outcome, 4, each.version);
    }
  }
  if (!found) {
    GTEST_SKIP() << "every interpreter here is one that heapglass reads";
  }
}

TEST(BadTarget, Zombie) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  expect_refused(info(std::to_string(child)), 3, "zombie");
  waitpid(child, nullptr, 0);
}

TEST(BadTarget, KernelThread) {
  if (status_line(2, "Name") != "kthreadd") {
    GTEST_SKIP() << "process 2 is no kernel thread here (a container)";
  }
  expect_refused(info("2"), 3, "kernel thread");
}

TEST_F(OnPython, NoPermission) {
  if (geteuid() != 0) {
    expect_refused(info("1"), 3, "permi.*(root|user)");
    return;
  }
  // As nobody, from a copy: the build may lie where nobody cannot go.
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  std::filesystem::copy_file(HEAPGLASS_PROGRAM, folder.file("heapglass"));
  PythonProgram target(python_, "frozen.py");
  const Outcome outcome = run_command({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                       folder.file("heapglass"), "info", target.target()});
  expect_refused(outcome, 3, "permi.*(root|user)");
}

TEST_F(OnPython, OwnProcessesOfAnOrdinaryUserAreRead) {
  if (geteuid() != 0 || access("/usr/bin/python3", X_OK) != 0) {
    GTEST_SKIP() << "needs root to become an ordinary user";
  }
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  std::filesystem::copy_file(HEAPGLASS_PROGRAM, folder.file("heapglass"));
  // The program starts its own child: an ordinary user may look at its descendants under every ptrace_scope.
  const std::string script =
      "import subprocess, sys, time\n"
      "child = subprocess.Popen(['/usr/bin/python3', '-c', 'import time; time.sleep(60)'])\n"
      "time.sleep(0.5)\n"
      "code = subprocess.call([sys.argv[1], 'info', str(child.pid)])\n"
      "child.kill(); child.wait(); sys.exit(code)\n";
  std::ofstream(folder.file("script.py")) << script;
  const Outcome outcome =
      run_command({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3",
                   folder.file("script.py"), folder.file("heapglass")});
  if (has(outcome.err, "ptrace_scope")) {
    GTEST_SKIP() << "kernel.yama.ptrace_scope forbids it here: " << outcome.err;
  }
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
}

TEST_F(OnPython, AlreadyTraced) {
  PythonProgram target(python_, "frozen.py");
  const pid_t tracer = fork();
  if (tracer == 0) {
    // Seized and left running, as a debugger holds it; the kernel lets go when this process dies.
    if (ptrace(PTRACE_SEIZE, target.pid(), nullptr, nullptr) != 0) {
      _exit(1);
    }
    for (;;) {
      pause();
    }
  }
  for (int i = 0; i < 500 && status_line(target.pid(), "TracerPid") == "0"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  expect_refused(info(target.target()), 3, "traced.*" + std::to_string(tracer));
  kill(tracer, SIGKILL);
  waitpid(tracer, nullptr, 0);
  EXPECT_EQ(info(target.target()).status, 0);
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(OnPython, StoppedIsReadAndStaysStopped) {
  PythonProgram target(python_, "threads.py");
  kill(target.pid(), SIGSTOP);
  for (int i = 0; i < 500 && target.state() != 'T'; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "histogram", target.target()});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(target.state(), 'T');
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
  }
  kill(target.pid(), SIGCONT);
  EXPECT_EQ(target.finish(), 0) << "it did not go on";
}

// A process that goes away in the middle is told so, at whatever moment it goes.
TEST_F(OnPython, ExitsMeanwhile) {
  const std::string sentence = "process|exited|gone|went";
  int refused = 0;
  for (int i = 0; i < 24; ++i) {
    PythonProgram target(python_, "bench_heap.py", {"200000"});
    std::thread ends([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(3 * i));
      kill(target.pid(), SIGKILL);
    });
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "histogram", target.target()}, "", "", std::chrono::seconds(60));
    ends.join();
    if (outcome.status != 0) {
      ++refused;
      expect_refused(outcome, 3, sentence);
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(OnPython, LivesOnWhenWeAreKilled) {
  PythonProgram target(python_, "bench_heap.py", {"500000"});
  for (int i = 0; i < 10; ++i) {
    ChildProcess looking({HEAPGLASS_PROGRAM, "histogram", target.target()}, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(4 * i));
  }  // killed here
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
  EXPECT_EQ(target.state(), 'S');
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(OnPython, InterruptIsExitCode130) {
  PythonProgram target(python_, "bench_heap.py", {"1000000"});
  int interrupted = 0;
  for (int i = 0; i < 5; ++i) {
    ChildProcess looking({HEAPGLASS_PROGRAM, "export", target.target(), "--format", "jsonl"}, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + 40 * i));
    kill(looking.pid(), SIGINT);
    const int status = looking.wait(std::chrono::seconds(60));
    EXPECT_TRUE(status == 130 || status == 128 + SIGINT || status == 0) << status;
    interrupted += status == 130;
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
  }
  EXPECT_GT(interrupted, 0);
  EXPECT_EQ(target.finish(), 0);
}

// With too little memory for itself it says that, and nothing of the target that is not so; wherever the
// memory ends, nothing aborts, and the target goes on.
TEST_F(OnPython, WithLittleMemoryForUs) {
  constexpr int kCouldNotBeStarted = 127;
  PythonProgram target(python_, "frozen.py");
  struct Sweep {
    const char* command;
    int step, told_at_least;  // in megabytes; refusals
  };
  for (const Sweep& sweep : {Sweep{"info", 1, 15}, Sweep{"histogram --freeze fork", 5, 3},
                             Sweep{"leaks --freeze precopy", 5, 3}, Sweep{"memory --freeze none", 5, 3}}) {
    int told = 0;
    for (int megabytes = 30; megabytes <= 120; megabytes += sweep.step) {
      const Outcome outcome =
          run_command({"sh", "-c",
                       "ulimit -v " + std::to_string(megabytes * 1000) + "; exec " HEAPGLASS_PROGRAM " " +
                           sweep.command + " " + target.target()});
      if (outcome.status == kCouldNotBeStarted || outcome.status == 0) continue;
      SCOPED_TRACE(std::string(sweep.command) + " with " + std::to_string(megabytes) + " MB");
      expect_refused(outcome, 3, "memory|start a thread");
      EXPECT_FALSE(has(outcome.err, "no CPython")) << outcome.err;
      ++told;
    }
    EXPECT_GT(told, sweep.told_at_least) << sweep.command;
  }
  EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(OnPython, ItselfInTheMiddleOfAllThat) {
  // heapglass is no Python, whatever it reads.
  PythonProgram target(python_, "frozen.py");
  EXPECT_EQ(info(target.target()).status, 0);
  expect_refused(info(std::to_string(getpid())), 4, "python");
}

}  // namespace
}  // namespace heapglass
