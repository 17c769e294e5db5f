// leaks: what looks like one pattern and is another, and what a healthy program has that looks like a leak.

#include <gtest/gtest.h>

#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

class LeakCauses : public testing::TestWithParam<Interpreter> {
 protected:
  PythonProgram start(const std::string& program, const Words& arguments = {}) const {
    return PythonProgram(GetParam().path, "leaks/" + program + ".py", arguments);
  }

  // A line of each suspect of these captures: "RANK PATTERN OWNER | EVIDENCE | CURE".
  std::string told(Words targets) const {
    Words command{HEAPGLASS_PROGRAM, "leaks", "--format", "json", "--limit", "0"};
    command.insert(command.end(), targets.begin(), targets.end());
    const Outcome leaks = run_command(command);
    if (leaks.status != 0) return leaks.err;
    std::ofstream(folder_.file("leaks.json")) << leaks.out;
    return run_command({"python3", "-c", R"py(
import json, sys
for each in json.load(open(sys.argv[1]))["suspects"]:
    print(each["rank"], each["pattern"], each["owner"], "|", each["evidence"], "|", each["cure"])
)py",
                        folder_.file("leaks.json")})
        .out;
  }
  std::string told(const PythonProgram& target) const { return told(Words{target.target()}); }

  static bool says(const std::string& told, const std::string& line) {
    return std::regex_search(told, std::regex("(^|\n)" + line));
  }

  const TemporaryFolder folder_;
};

// Its tables are the library's constants, though it is the program: python -m http.server.
TEST_P(LeakCauses, AModuleOfTheLibraryThatRunsIsNoApplication) {
  const std::string suspects = told(start("run_as_main"));
  EXPECT_EQ(suspects.find("responses"), std::string::npos) << suspects;
  EXPECT_EQ(suspects.find("extensions_map"), std::string::npos) << suspects;
}

// Its names are in a cache of the import system, which has as much room as it happens to have.
TEST_P(LeakCauses, TheNamesOfAFolderThatImportsLookIntoAreNoSuspect) {
  const std::string suspects = told(start("run_as_main", {folder_.path()}));
  EXPECT_EQ(suspects.find("_path_cache"), std::string::npos) << suspects;
  EXPECT_EQ(suspects.find("sparse-containers"), std::string::npos) << suspects;
}

TEST_P(LeakCauses, WhatAModuleOfTheLibraryRunsIsOne) {
  const std::string suspects = told(start("run_by_profiler"));
  EXPECT_TRUE(says(suspects, "1 unbounded-cache __main__\\.orders \\|")) << suspects;
}

// To 3.11 a static array that no symbol names in a stripped build, then a part of _PyRuntime.
TEST_P(LeakCauses, WhatASignalCallsIsNamed) {
  const std::string suspects = told(start("signal_handlers"));
  EXPECT_TRUE(says(suspects, "1 closure-capture signal handlers, \\[12\\] \\|")) << suspects;
  EXPECT_EQ(suspects.find("that is sure"), std::string::npos) << suspects;
}

TEST_P(LeakCauses, AddressesAreNoThreads) {
  const std::string suspects = told(start("memo_by_id"));
  EXPECT_TRUE(says(suspects, "1 unbounded-cache __main__\\.memo \\|")) << suspects;
  EXPECT_EQ(suspects.find("thread-local"), std::string::npos) << suspects;
}

// Whatever the keys of a WeakValueDictionary are: its values are what is looked at.
TEST_P(LeakCauses, AWeakContainerSendsToWhatHoldsItsValues) {
  const std::string suspects = told(start("weak_values"));
  EXPECT_TRUE(says(suspects, "1 unbounded-cache __main__\\.site\\.pinned \\|")) << suspects;
  EXPECT_TRUE(says(suspects,
                   "[0-9]+ unbounded-cache __main__\\.site\\.cache \\|[^\n]*; it holds its values "
                   "weakly \\| It holds its values weakly"))
      << suspects;
  // Both together are most of it.
  EXPECT_EQ(suspects.find("large-object __main__.site "), std::string::npos) << suspects;
}

TEST_P(LeakCauses, ModulesOfAHashOrOfNoNumberAreCounted) {
  for (const Words& arguments : {Words{}, Words{"words"}}) {
    const std::string suspects = told(start("hashed_modules", arguments));
    EXPECT_TRUE(says(suspects, "1 global-growth sys\\.modules \\| 300 modules ")) << suspects;
  }
}

// They wait for their objects, which others keep.
TEST_P(LeakCauses, FinalizersAreNotWhatKeepsTheirObjects) {
  const std::string suspects = told(start("held_finalizers"));
  EXPECT_TRUE(says(suspects, "1 unbounded-cache __main__\\.jobs\\.folders \\|")) << suspects;
  EXPECT_EQ(suspects.find("which is held strongly"), std::string::npos) << suspects;
}

TEST_P(LeakCauses, EachOfSeveralIsNamedByWhatItIs) {
  const std::string suspects = told(start("several_causes"));
  for (const char* line : {
           "weakref-callbacks [^|]*_registry \\| 2,000 weakref.finalize wait for __main__\\.app "
           "\\(__main__\\.App\\),",
           "unbounded-cache __main__\\.listeners \\|[^|]*objects that are gone \\| Take each out",
           "large-object __main__\\.undo \\|[^|]*chain of 2,000 tuple, each",
           "runtime-classes unittest\\.mock\\._patch\\._active_patches \\|[^|]*\\| stop\\(\\) each patch",
           "unbounded-cache __main__\\.locks \\|",
           "contextvar thread [0-9]+, context \\| 2,000 context variables have values, as 'request-",
           "unbounded-cache _?warnings\\.filters \\|[^|]*\\| Call warnings\\.filterwarnings\\(\\) once",
           "unbounded-cache gc\\.garbage \\|[^|]*\\| gc\\.set_debug\\(0\\)",
       })
    EXPECT_TRUE(says(suspects, std::string("[0-9]+ ") + line)) << line << "\n" << suspects;
  EXPECT_EQ(suspects.find("handlers-not-removed"), std::string::npos) << suspects;
  // What exec() has made again and again is no table of functions.
  EXPECT_LT(suspects.find("__main__.rules"), suspects.find("__main__.locks")) << suspects;
}

TEST_P(LeakCauses, AChainIsToldBeforeItIsATenth) {
  PythonProgram target = start("linked_versions");
  const std::string old = folder_.file("old");
  const std::string suspects = told(target);
  EXPECT_TRUE(says(suspects,
                   "[0-9]+ large-object __main__\\.Settings\\.version \\|[^\n]* chain of 2,000 "
                   "__main__\\.Version, each of which keeps the next \\| Each new one"))
      << suspects;
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", old}).status, 0);
  ASSERT_EQ(target.ask("1000"), "DONE");
  // Once, under one name.
  const std::string grown = told(Words{old, target.target()});
  EXPECT_TRUE(says(grown, "1 large-object __main__\\.Settings\\.version \\|")) << grown;
  EXPECT_EQ(grown.find("growing-owner"), std::string::npos) << grown;
}

// By what has the chain in it, and not by the arguments of its first.
TEST_P(LeakCauses, ComposedCallsAreAChain) {
  const std::string suspects = told(start("composed_calls"));
  EXPECT_TRUE(
      says(suspects, "1 large-object __main__\\.Rules\\.apply \\|[^\n]* chain of 1,501 functools\\.partial"))
      << suspects;
  EXPECT_EQ(suspects.find("Rules.apply.args"), std::string::npos) << suspects;
}

// The library's table of all threads grows with them.
TEST_P(LeakCauses, TimersAreThreads) {
  PythonProgram target = start("thread_timers");
  const std::string old = folder_.file("old"), called = "1 many-threads threads of threading\\.Timer \\|";
  const std::string suspects = told(target);
  EXPECT_TRUE(says(suspects, called + "[^\n]*; 100 are threading.Timer[^\n]*\\| cancel\\(\\) a Timer"))
      << suspects;
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", old}).status, 0);
  ASSERT_EQ(target.ask("50"), "DONE");
  const std::string grown = told(Words{old, target.target()});
  EXPECT_TRUE(says(grown, called)) << grown;
  EXPECT_EQ(grown.find("growing-owner"), std::string::npos) << grown;
}

// A package decorates its functions once, however many there are and wherever it lists them.
TEST_P(LeakCauses, FunctionsOfADefinitionAreNoCallbacks) {
  PythonProgram target = start("decorated_library", {folder_.path()});
  const std::string suspects = told(target);
  EXPECT_EQ(suspects.find("closure-capture"), std::string::npos) << suspects;
}

// There are no more members of an Enum than it has: http.client.responses, and tables of programs.
TEST_P(LeakCauses, ADictWhoseKeysHaveAnEndIsNoSuspect) {
  const std::string suspects = told(start("keys_of_enums"));
  for (const char* const bounded : {"PHRASES", "shades", "pairs", "__main__.Colour |"})
    EXPECT_EQ(suspects.find(bounded), std::string::npos) << suspects;
  EXPECT_TRUE(says(suspects, "1 unbounded-cache __main__\\.by_status \\|")) << suspects;
  EXPECT_TRUE(says(suspects, "[0-9]+ unbounded-cache __main__\\.by_name \\|")) << suspects;
  EXPECT_TRUE(says(suspects, "[0-9]+ unbounded-cache __main__\\.sets \\|")) << suspects;
}

// What extensions have in variables of their own is little, and stays as it is.
TEST_P(LeakCauses, WhatExtensionsKeepIsToldWhenItGrows) {
  PythonProgram target = start("counted_dicts");
  const std::string old = folder_.file("old");
  const std::string suspects = told(target);
  EXPECT_EQ(suspects.find("native-references"), std::string::npos) << suspects;
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", old}).status, 0);
  ASSERT_EQ(target.ask("700"), "DONE");
  const std::string grown = told(Words{old, target.target()});
  EXPECT_TRUE(says(grown, "1 native-references C code, dict \\|")) << grown;
}

TEST_P(LeakCauses, TheInterpretersOwnTablesHaveACureOfTheirOwn) {
  const std::string suspects = told(start("search_path"));
  EXPECT_TRUE(says(suspects, "1 unbounded-cache posix\\.environ \\|[^\n]*os\\.environ[^\n]*\\| Environment"))
      << suspects;
  EXPECT_TRUE(says(suspects, "[0-9]+ unbounded-cache sys\\.path \\|[^\n]*\\| Put a folder there once"))
      << suspects;
}

INSTANTIATE_TEST_SUITE_P(Live, LeakCauses,
                         testing::ValuesIn(std::getenv("HEAPGLASS_ALL_LEAKS") ? supported_interpreters()
                                                                              : few_interpreters()),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LeakCauses);

}  // namespace
}  // namespace heapglass
