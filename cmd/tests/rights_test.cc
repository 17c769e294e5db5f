// The rights that heapglass needs, those that it keeps, and what it says where one is missing.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

std::string status_line(const std::string& file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(name + ":\t", 0) == 0) return line.substr(name.size() + 2);
  return "";
}

// Debian's: an ordinary user can read its files.
constexpr char kPython[] = "/usr/bin/python3";

class Rights : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || access(kPython, X_OK) != 0) GTEST_SKIP() << "needs root, who can become anybody";
    // The build may lie where nobody else can go.
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    std::filesystem::copy_file(HEAPGLASS_PROGRAM, folder_.file("heapglass"));
  }
  // As `uid`, with no capability but these.
  Outcome with(const std::string& capabilities, const std::string& uid, const Words& words) const {
    return run_command(command(capabilities, uid, words));
  }
  Words command(const std::string& capabilities, const std::string& uid, const Words& words) const {
    const std::string set = "-all" + (capabilities.empty() ? "" : "," + capabilities);
    Words all{
        "setpriv",           "--reuid=" + uid,        "--regid=" + uid,        "--clear-groups",
        "--inh-caps=" + set, "--ambient-caps=" + set, "--bounding-set=" + set, folder_.file("heapglass")};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  static void expect_refused(const Outcome& outcome, const std::string& says) {
    EXPECT_EQ(outcome.status, 3);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_TRUE(std::regex_search(outcome.err, std::regex(says))) << outcome.err << "has no " << says;
  }
  TemporaryFolder folder_;
};

TEST_F(Rights, OneCapabilityIsEnough) {
  PythonProgram target(kPython, "frozen.py");
  const Outcome all = run_command({HEAPGLASS_PROGRAM, "histogram", target.target(), "--format", "csv"});
  ASSERT_EQ(all.status, 0) << all.err;
  for (const char* uid : {"65534", "0"}) {
    for (const char* resolve : {"auto", "run"}) {
      const Outcome one =
          with("+sys_ptrace", uid, {"histogram", target.target(), "--format", "csv", "--resolve", resolve});
      EXPECT_EQ(one.status, 0) << one.err;
      EXPECT_EQ(one.out, all.out) << uid << " " << resolve;
    }
  }
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(Rights, WhatIsMissingIsNamed) {
  PythonProgram target(kPython, "frozen.py");
  expect_refused(with("", "65534", {"info", target.target()}), "belongs to uid 0.*CAP_SYS_PTRACE");
  expect_refused(with("", "0", {"info", target.target()}),
                 "capabilities that heapglass has not.*CAP_SYS_PTRACE");
  // A user namespace of its own, with all capabilities there.
  const Outcome inside = run_command({"unshare", "-Ur", HEAPGLASS_PROGRAM, "info", target.target()});
  if (inside.err.find("unshare") == std::string::npos) expect_refused(inside, "user namespace");
  EXPECT_EQ(target.finish(), 0);
}

// While it decodes, here: while nobody takes what it writes.
TEST_F(Rights, AreGoneOnceTheBytesAreHere) {
  PythonProgram target(kPython, "bench_heap.py", {"20000"});
  for (const char* mode : {"copy", "none"}) {
    int out[2];
    ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
    ChildProcess looking({HEAPGLASS_PROGRAM, "export", target.target(), "--freeze", mode}, {-1, out[1], -1});
    close(out[1]);
    pollfd ready{out[0], POLLIN, 0};
    ASSERT_EQ(poll(&ready, 1, 60000), 1);
    const std::string tasks = "/proc/" + std::to_string(looking.pid()) + "/task/";
    // Where it may change users, as it may in all but a container that maps few of them.
    const bool nobody = run_command({"setpriv", "--reuid=65534", "true"}).status == 0;
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      const std::string status = task.path().string() + "/status";
      EXPECT_EQ(status_line(status, "CapEff"), "0000000000000000");
      EXPECT_EQ(status_line(status, "CapPrm"), "0000000000000000");
      EXPECT_EQ(status_line(status, "NoNewPrivs"), "1");
      EXPECT_EQ(status_line(status, "Seccomp"), "2");
      if (nobody) {
        EXPECT_EQ(status_line(status, "Uid"), "65534\t65534\t65534\t65534");
        EXPECT_EQ(status_line(status, "Gid"), "65534\t65534\t65534\t65534");
        EXPECT_EQ(status_line(status, "Groups"), " ");
      }
    }
    close(out[0]);
  }
  EXPECT_EQ(target.finish(), 0);
}

// Those who look again keep the right to until the last time.
TEST_F(Rights, AreKeptForTheNextLook) {
  PythonProgram target(kPython, "frozen.py");
  for (const char* style : {"default", "growth"}) {
    const Outcome outcome =
        with("+sys_ptrace", "65534",
             {"diff", target.target(), "--every", "10ms", "--times", "3", "--style", style});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(Rights, RootWritesWhereOthersDo) {
  PythonProgram target(kPython, "frozen.py");
  const std::string theirs = folder_.file("theirs");
  ASSERT_EQ(mkdir(theirs.c_str(), 0700), 0);
  ASSERT_EQ(chown(theirs.c_str(), 65534, 65534), 0);
  for (const char* name : {"/new.json", "/new.json", "/picture.svg"}) {
    const std::string file = theirs + name;
    const Words words = std::string(name).ends_with("svg")
                            ? Words{"backrefs", target.target(), "--type", "module", "-o", file}
                            : Words{"histogram", target.target(), "--format", "json", "-o", file};
    Words command{HEAPGLASS_PROGRAM};
    command.insert(command.end(), words.begin(), words.end());
    const Outcome outcome = run_command(command);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_GT(std::filesystem::file_size(file), 100u);
    EXPECT_EQ(chown(file.c_str(), 65534, 65534), 0);  // replaced, the second time
  }
  EXPECT_EQ(target.finish(), 0);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code gone;  // what is removed meanwhile
  for (std::filesystem::recursive_directory_iterator at(folder, gone), end; !gone && at != end;
       at.increment(gone))
    names.push_back(at->path().lexically_relative(folder).string());
  if (gone) names.emplace_back("it changes");
  std::sort(names.begin(), names.end());
  return names;
}

// Who decodes is nobody by then: what is written is the caller's all the same, and nothing else is there.
TEST_F(Rights, WhatIsWrittenIsTheCallers) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // a process that heapglass left behind would come to us
  for (const uid_t uid : {uid_t{0}, uid_t{12345}}) {
    PythonProgram target(kPython, "bench_heap.py", {"2000"});
    TemporaryFolder closed;  // 0700
    ASSERT_EQ(chown(closed.path().c_str(), uid, uid), 0);
    const std::string process = target.target();
    const std::vector<Words> commands = {
        {"histogram", process, "--format", "json", "-o", closed.file("1.json")},
        {"histogram", process, "--style", "objgraph", "-o", closed.file("2.txt")},
        {"backrefs", process, "--type", "module", "-o", closed.file("3.png")},
        {"backrefs", process, "--type", "module", "-o", closed.file("4.svg")},
        {"refs", process, "--type", "module", "-o", closed.file("5.pdf")},
        {"backrefs", process, "--type", "module", "-o", closed.file("6.dot")},
        {"export", process, "-o", closed.file("7.jsonl")},
        {"export", process, "--format", "sqlite", "-o", closed.file("8.db")},
        {"export", process, "--format", "csv", "-o", closed.file("9")},
        {"snapshot", process, "-o", closed.file("s%Y.hg"), "--keep", "1", "--openmetrics",
         closed.file("a.prom")},
        {"diff", process, "--every", "10ms", "--times", "2", "-o", closed.file("b.txt")},
        {"diff", process, "--every", "10ms", "--style", "growth", "-o", closed.file("c.txt")},
        {"watch", process, "--duration", "300ms", "--interval", "100ms", "--plot", closed.file("d.png"), "-o",
         closed.file("e.txt")},
        {"leaks", process, "-o", closed.file("f.json"), "--format", "json"},
        {"query", process, "SELECT count(*) FROM objects", "-o", closed.file("g.csv")}};
    for (const Words& words : commands) {
      const Outcome outcome =
          with("+sys_ptrace,+dac_read_search,+setuid,+setgid", std::to_string(uid), words);
      EXPECT_EQ(outcome.status, 0) << words[0] << " " << words.back() << ": " << outcome.err;
      EXPECT_EQ(outcome.err, "") << words[0] << " " << words.back();
    }
    std::string snapshot;
    for (const std::string& name : names_in(closed.path())) {
      struct stat s {};
      ASSERT_EQ(lstat(closed.file(name).c_str(), &s), 0);
      EXPECT_EQ(s.st_uid, uid) << name;
      EXPECT_EQ(s.st_mode & 07022, 0u) << name;
      if (name.ends_with(".hg")) snapshot = name;
    }
    EXPECT_EQ(names_in(closed.path()), (std::vector<std::string>{names_in(closed.path())[0],
                                                                 "1.json",
                                                                 "2.txt",
                                                                 "3.png",
                                                                 "4.svg",
                                                                 "5.pdf",
                                                                 "6.dot",
                                                                 "7.jsonl",
                                                                 "8.db",
                                                                 "9",
                                                                 "9/arenas.csv",
                                                                 "9/frames.csv",
                                                                 "9/objects.csv",
                                                                 "9/refs.csv",
                                                                 "9/roots.csv",
                                                                 "9/threads.csv",
                                                                 "9/types.csv",
                                                                 "a.prom",
                                                                 "b.txt",
                                                                 "c.txt",
                                                                 "d.png",
                                                                 "e.txt",
                                                                 "f.json",
                                                                 "g.csv",
                                                                 snapshot}));
    EXPECT_TRUE(names_in(closed.path())[0].starts_with(".heapglass-lock-"));
    // One that cannot be drawn is there as DOT.
    const Outcome late = with("+sys_ptrace", std::to_string(uid),
                              {"backrefs", process, "--type", "module", "-o", closed.file("nowhere/x.png")});
    EXPECT_EQ(late.status, 5) << late.err;
    EXPECT_NE(late.err.find("make the directory first"), std::string::npos) << late.err;
    EXPECT_EQ(target.finish(), 0);
  }
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a process was left behind";
}

TEST_F(Rights, AnEndedExportLeavesNothing) {
  PythonProgram target(kPython, "bench_heap.py", {"20000"});
  for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
    for (const int after_ms : {30, 100, 200}) {
      TemporaryFolder folder;
      {
        ChildProcess exporting(
            {HEAPGLASS_PROGRAM, "export", target.target(), "--format", "csv", "-o", folder.file("out")},
            {-1, -1, -1});
        usleep(static_cast<useconds_t>(after_ms) * 1000);
        kill(exporting.pid(), signal);
        exporting.wait(std::chrono::seconds(20));
      }
      // After SIGKILL the other process removes what there is, a moment later.
      for (int i = 0; signal == SIGKILL && i < 2000 && !names_in(folder.path()).empty(); ++i) usleep(1000);
      if (access(folder.file("out").c_str(), F_OK) == 0) continue;  // it was ready before
      EXPECT_TRUE(names_in(folder.path()).empty()) << signal << " after " << after_ms;
    }
  }
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(Rights, WhatProcHidesIsSaidToBeHidden) {
  PythonProgram target(kPython, "frozen.py");
  const std::string mount = "mount -t proc -o hidepid=2 proc /proc && exec \"$@\"";
  Words hidden{"unshare", "-m", "sh", "-c", mount, "sh"};
  const Words look = command("", "65534", {"info", target.target()});
  hidden.insert(hidden.end(), look.begin(), look.end());
  const Outcome outcome = run_command(hidden);
  if (outcome.err.find("mount:") != std::string::npos) GTEST_SKIP() << outcome.err;
  expect_refused(outcome, "/proc hides it");

  // A /proc that cannot be written is as good as any.
  const std::string read_only = "mount -t proc -o ro proc /proc && exec \"$@\"";
  const Outcome read =
      run_command({"unshare", "-m", "sh", "-c", read_only, "sh", HEAPGLASS_PROGRAM, "info", target.target()});
  EXPECT_EQ(read.status, 0) << read.err;
  const Outcome none = run_command({"unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"",
                                    "sh", HEAPGLASS_PROGRAM, "info", target.target()});
  expect_refused(none, "there is no /proc here");
  EXPECT_EQ(target.finish(), 0);
}

}  // namespace
}  // namespace heapglass
