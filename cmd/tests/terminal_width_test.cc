// What every command prints on a terminal fits it: nothing wraps, and what is left out for that is named.

#include <gtest/gtest.h>

#include <sstream>

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

}  // namespace
}  // namespace heapglass
