// How answers reach people: what every command prints on a terminal fits it, in colour where that is wanted,
// and a reader who has enough may go.

#include <gtest/gtest.h>

#include <sstream>

#include "cmd/tests/file_contents.h"
#include "cmd/tests/python_program.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

class TerminalWidth : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    target_ = std::make_unique<PythonProgram>(supported_interpreters().back().path, "held.py");
  }

  void fits(const Words& words) const {
    Words command{"python3", kPrograms + "on_terminal.py", std::to_string(GetParam()), HEAPGLASS_PROGRAM};
    command.insert(command.end(), words.begin(), words.end());
    const Outcome outcome = run_command(command);
    EXPECT_LE(outcome.status, 1) << words[0] << ": " << outcome.out << outcome.err;
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);) {
      line.erase(0, line.rfind('\r') + 1);  // progress, which is written over
      EXPECT_LE(display_width(line), static_cast<std::size_t>(GetParam())) << words[0] << ": " << line;
    }
  }

  std::unique_ptr<PythonProgram> target_;
};

TEST_P(TerminalWidth, HoldsWhatEveryCommandPrints) {
  const TemporaryFolder folder;
  const std::string pid = target_->target(), file = folder.file("one.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", pid, "-o", file}).status, 0);
  for (const Words& words : std::vector<Words>{{"overview", pid},
                                               {"ps"},
                                               {"info", pid},
                                               {"memory", pid},
                                               {"memory", pid, "--owners"},
                                               {"memory", "--family", pid},
                                               {"histogram", pid},
                                               {"histogram", "--family", pid},
                                               {"objects", pid, "--type", "dict"},
                                               {"path", pid, "--type", "InPartial"},
                                               {"backrefs", pid, "--type", "InPartial"},
                                               {"refs", pid, "--type", "InPartial"},
                                               {"show", pid, "--type", "InPartial"},
                                               {"retained", pid},
                                               {"garbage", pid},
                                               {"diff", file, pid},
                                               {"leaks", pid},
                                               {"leaks", file, pid},
                                               {"leaks", "--family", pid},
                                               {"stacks", pid, "--locals"},
                                               {"stacks", pid, "--native"},
                                               {"stacks", "--family", pid},
                                               {"tracemalloc", pid},
                                               {"query", pid, "--tables"},
                                               {"selfcheck", pid}})
    fits(words);
}

INSTANTIATE_TEST_SUITE_P(Columns, TerminalWidth, testing::Values(80, 200));

// A table has more columns than that; what is a sentence is wrapped.
TEST(NarrowTerminal, HasEveryAnswer) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram target(supported_interpreters().back().path, "held.py");
  for (const std::string columns : {"1", "20"})
    for (const std::string words :
         {"overview", "info", "memory", "histogram", "leaks", "stacks", "retained"}) {
      const Outcome outcome = run_command(
          {"python3", kPrograms + "on_terminal.py", columns, HEAPGLASS_PROGRAM, words, target.target()});
      EXPECT_LE(outcome.status, 1) << words << " on " << columns << ": " << outcome.out;
      EXPECT_FALSE(outcome.out.empty()) << words;
    }
}

// A snapshot, so that no process is held meanwhile. A fast machine answers within a second: it is stopped.
TEST(ProgressLine, IsOnATerminalAloneAndGoesBeforeTheAnswer) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const TemporaryFolder folder;
  const std::string file = folder.file("big.hg"), err = folder.file("err"), out = folder.file("out");
  {
    const PythonProgram target(supported_interpreters().back().path, "big.py");
    ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}).status, 0);
  }
  const auto shown = [&](const Words& words) {
    Words command{"python3", kPrograms + "on_terminal.py", "60", "--slow", "1.1"};
    command.insert(command.end(), words.begin(), words.end());
    const Outcome outcome = run_command(command);
    EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
    return outcome.out;
  };
  const std::string erase = "\r\x1b[K", line = erase + "heapglass: ";
  const std::string all = shown({HEAPGLASS_PROGRAM, "leaks", file});
  const std::size_t first = all.find(line), last = all.rfind(erase), answer = all.find("memory  RSS");
  ASSERT_NE(first, std::string::npos) << all.substr(0, 300);
  EXPECT_NE(all.find(" left", first), std::string::npos) << all.substr(first, 100);
  ASSERT_NE(answer, std::string::npos) << all.substr(0, 300);
  EXPECT_EQ(last + erase.size(), answer) << "the line is still there when the answer comes";
  EXPECT_EQ(all.find("heapglass:", answer), std::string::npos) << all.substr(answer);

  const std::string program = std::string("exec '") + HEAPGLASS_PROGRAM + "' leaks '" + file + "' ";
  EXPECT_EQ(shown({"/bin/sh", "-c", program + "2> '" + err + "'"}).find(erase), std::string::npos);
  EXPECT_EQ(contents(err), "") << "the standard error is a file";
  // The answer in a file, the line on the terminal.
  const std::string aside = shown({"/bin/sh", "-c", program + "> '" + out + "'"});
  EXPECT_EQ(aside.find(line), 0u) << aside;
  EXPECT_EQ(aside.substr(aside.size() - std::min(aside.size(), erase.size())), erase) << aside;
  EXPECT_EQ(contents(out).find("memory  RSS"), 0u);
}

// `heapglass ... | head` ends as it would if all had been read.
TEST(ClosedOutput, IsNoError) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram target(supported_interpreters().back().path, "held.py");
  const std::string asks = std::string("set -o pipefail; '") + HEAPGLASS_PROGRAM + "' ";
  for (const std::string& words : {"objects " + target.target() + " --type str --limit 0",
                                   "histogram " + target.target() + " --format json --limit 0",
                                   "export " + target.target() + " --format jsonl -o -"}) {
    const Outcome outcome = run_command({"bash", "-c", asks + words + " | head -c 100 | wc -c"});
    EXPECT_EQ(outcome.status, 0) << words;
    EXPECT_EQ(outcome.err, "") << words;
    EXPECT_EQ(outcome.out, "100\n") << words;
  }
}

TEST(Colour, IsWhatTheOptionSays) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  const PythonProgram target(supported_interpreters().back().path, "held.py");
  const std::string escape = "\x1b[";
  const auto shown = [&](Words words) {
    words.insert(words.begin(), HEAPGLASS_PROGRAM);
    const Outcome outcome = run_command(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out.find(escape) != std::string::npos;
  };
  EXPECT_TRUE(shown({"histogram", target.target(), "--color", "always"}));
  EXPECT_TRUE(shown({"histogram", "--family", target.target(), "--color=always"}));
  EXPECT_TRUE(shown({"ps", "--color", "always"}));
  EXPECT_FALSE(shown({"histogram", target.target()})) << "this is no terminal";
  EXPECT_FALSE(shown({"histogram", target.target(), "--color", "always", "--format", "json"}));
  const Outcome wrong = run_command({HEAPGLASS_PROGRAM, "histogram", target.target(), "--color", "red"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.err.find("invalid --color 'red'"), std::string::npos) << wrong.err;
}

}  // namespace
}  // namespace heapglass
