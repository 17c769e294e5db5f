// What code can do that took over a process of ours which looks at a heap: nothing, while the output is
// written all the same.

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "cmd/tests/python_program.h"
#include "lib/base/error.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"
#include "platform/confinement/confine.h"
#include "platform/confinement/escapes.h"
#include "platform/confinement/landlock.h"
#include "platform/files/in_a_child.h"

namespace heapglass {
namespace {

std::string contents_of(const std::string& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

// 0 or an ordinary user's, who cannot be tried by those who cannot become him.
class ConfinedWith : public testing::TestWithParam<uid_t> {
 protected:
  void SetUp() override {
    if (geteuid() != 0 && GetParam() == 0) GTEST_SKIP() << "needs root";
    if (geteuid() == 0 && chown(folder_.path().c_str(), GetParam(), GetParam()) != 0) abort();
  }
  uid_t user() const { return geteuid() == 0 ? GetParam() : geteuid(); }
  void become() const {
    if (geteuid() == 0 && GetParam() != 0 &&
        (setgroups(0, nullptr) != 0 || setresgid(user(), user(), user()) != 0 ||
         setresuid(user(), user(), user()) != 0))
      _exit(9);
  }
  TemporaryFolder folder_;  // nobody else may go there
};

TEST_P(ConfinedWith, AnOutputEachEscapeIsRefusedAndItIsWritten) {
  const Prey prey(user());
  const pid_t parent = getpid();
  const std::string out = folder_.file("out"), elsewhere = folder_.file("elsewhere");
  const std::string wrong = in_a_child([&] {
    become();
    OutputKeeper::start({.files = {{out, 0640}}});
    std::string w = confine();
    Output output(out, 0640);
    output.stream() << "what was found";
    output.stream().flush();
    w += Escapes(prey, parent).all();
    try {
      Output another(elsewhere, 0600);
      w += "another file can be made; ";
    } catch (const Error&) {
    }
    output.commit();
    OutputKeeper::active()->end();
    return w;
  });
  EXPECT_EQ(wrong, landlock_abi() > 0 ? "" : "there is no Landlock here");
  EXPECT_EQ(prey.harm(), "");
  struct stat s {};
  ASSERT_EQ(lstat(out.c_str(), &s), 0);
  EXPECT_EQ(s.st_uid, user());
  EXPECT_EQ(s.st_mode & 07777, 0640u);
  EXPECT_EQ(contents_of(out), "what was found");
  EXPECT_NE(access(elsewhere.c_str(), F_OK), 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

// The words themselves, as who has taken over the process would send them.
TEST_P(ConfinedWith, TheKeeperDoesWhatWasAgreedAlone) {
  const Prey prey(user());
  const std::string out = folder_.file("out");
  const std::string wrong = in_a_child([&] {
    become();
    // What is replaced is read by none, and nobody has asked for more with --mode.
    close(open(out.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0200));
    int before = open("/dev/null", O_RDONLY);
    close(before);
    OutputKeeper::start({.files = {{out, 0600}}, .deeds = {[] { throw Error(ErrorKind::kFile, "a deed"); }}});
    std::string w = confine();
    const int channel = before;
    struct Request {
      std::int32_t what;
      std::uint32_t which, mode, asked;
    };
    std::string answer(4096, '\0');
    const auto ask = [&](const void* bytes, std::size_t size) {
      if (write(channel, bytes, size) != static_cast<ssize_t>(size)) return std::string("gone");
      const ssize_t n = read(channel, answer.data(), answer.size());
      if (n < 4) return std::string("gone");
      std::int32_t failed = 0;
      std::memcpy(&failed, answer.data(), 4);
      return failed == 0 ? std::string("done") : std::string(answer.data() + 4);
    };
    for (const Request& each :
         {Request{1, 1, 0600, 0}, Request{1, ~0u, 0600, 0}, Request{2, 1, 0, 0}, Request{4, 1, 0, 0},
          Request{0, 0, 0, 0}, Request{5, 0, 0, 0}, Request{-1, 0, 0, 0}})
      if (const std::string got = ask(&each, sizeof each); got == "done" || got == "gone")
        w += std::to_string(each.what) + " of " + std::to_string(each.which) + " is " + got + "; ";
    const Request deed{4, 0, 0, 0};
    if (ask(&deed, sizeof deed) != "a deed") w += "what a deed throws is not told; ";
    const Request modes{1, 0, 07777, 1};
    if (ask(&modes, sizeof modes) != "done") w += "what was agreed is not done; ";
    const Request commit{2, 0, 0, 0};
    if (ask(&commit, sizeof commit) != "done") w += "it is not put in its place; ";
    const char nonsense[100] = {};
    if (ask(nonsense, sizeof nonsense) != "gone") w += "it goes on after nonsense; ";
    return w;
  });
  EXPECT_EQ(wrong, landlock_abi() > 0 ? "" : "there is no Landlock here");
  EXPECT_EQ(prey.harm(), "");
  struct stat s {};
  ASSERT_EQ(lstat(out.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 07777, 0200u) << "a program, or for more to read";
  EXPECT_EQ(s.st_uid, user());
}

INSTANTIATE_TEST_SUITE_P(User, ConfinedWith, testing::Values(0, 12345),
                         [](const auto& user) { return user.param == 0 ? "Root" : "Ordinary"; });

// However it ends.
TEST(OutputKeeperEnds, AndLeavesNothingUnfinished) {
  for (const int signal : {0, SIGKILL, SIGSEGV}) {
    TemporaryFolder folder;
    const std::string out = folder.file("out");
    int ended[2];
    ASSERT_EQ(pipe(ended), 0);
    const pid_t child = fork();
    if (child == 0) {
      const rlimit no_core{0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      OutputKeeper::start({.files = {out}, .at_end = [&] {
                             // Has closed all that it had of ours: told by a file.
                             std::ofstream(folder.file("ended")) << "x";
                           }});
      confine();
      Output output(out, 0600);
      output.stream() << "half";
      output.stream().flush();
      if (signal == 0) _exit(0);
      kill(getpid(), signal);  // refused
      raise(signal);
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    for (int i = 0; i < 5000 && access(folder.file("ended").c_str(), F_OK) != 0; ++i) usleep(1000);
    EXPECT_EQ(access(folder.file("ended").c_str(), F_OK), 0) << signal;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << signal;
    close(ended[0]);
    close(ended[1]);
  }
}

// Code of the target's that runs in the copied process.
TEST(CopiedProcessEscapes, EachIsRefused) {
#ifndef HEAPGLASS_HOSTILE
  GTEST_SKIP() << "hostile.cc is for x86-64 and not built with sanitizers";
#else
  std::optional<Interpreter> python;
  for (const Interpreter& each : supported_interpreters())
    if (each.build == "release") python = each;
  if (!python) GTEST_SKIP() << "there is no release build of a Python that heapglass reads";
  {
    // What is asked for does harm where it is let through.
    const Prey prey(geteuid());
    const std::string pid = std::to_string(prey.victim());
    run_command(
        {python->path, kPrograms + "hostile/escapes.py", HEAPGLASS_HOSTILE, prey.in(""), pid, "really"});
    std::string harm = prey.harm();
    for (int i = 0; i < 5000 && harm.find("its process ended") == std::string::npos; ++i) {
      usleep(1000);
      harm = prey.harm();
    }
    for (const char* what : {"made ", "folder ", "pipe ", "renamed ", "its process ended"})
      EXPECT_NE(harm.find(what), std::string::npos) << what << " is not in " << harm;
  }
  for (const char* resolve : {"run", "auto"}) {
    const Prey prey(geteuid());
    TemporaryFolder folder;
    PythonProgram target(python->path, "hostile/escapes.py",
                         {HEAPGLASS_HOSTILE, prey.in(""), std::to_string(prey.victim())});
    std::istringstream ready(target.ready_line().substr(6));
    std::string referent;
    unsigned classes = 0;
    ready >> referent >> classes;
    const Outcome outcome = run_command(
        {HEAPGLASS_PROGRAM, "export", target.target(), "-o", folder.file("exported"), "--resolve", resolve});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(prey.harm(), "");
    unsigned asked = 0, honest = 0;
    std::ifstream lines(folder.file("exported"));
    for (std::string line; std::getline(lines, line);) {
      if (line.find("\"type\":\"__main__.asks_for_") != std::string::npos) {
        ++asked;
        EXPECT_NE(line.find("\"guessed_refs\""), std::string::npos) << "it came to an end: " << line;
      } else if (line.find("\"type\":\"__main__.honest\"") != std::string::npos) {
        honest += line.find("\"refs\":[" + referent + "]") != std::string::npos;
      }
    }
    EXPECT_EQ(asked, 2 * classes);
    EXPECT_EQ(honest, 2 * classes) << "code of the target was run";
    // As a look that is not the last: the process that starts it has all rights still.
    const Outcome again = run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--every", "10ms",
                                       "--times", "2", "--resolve", resolve});
    EXPECT_EQ(again.status, 0) << again.err;
    EXPECT_EQ(prey.harm(), "");
    EXPECT_EQ(target.finish(), 0) << "the target did not live on";
  }
#endif
}

}  // namespace
}  // namespace heapglass
