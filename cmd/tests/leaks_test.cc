// leaks: every pattern is found under its name and its owner, in a small program and inside real services,
// and healthy services are left in peace.

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <regex>
#include <thread>

#include "cmd/tests/live_results.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// A program of testdata/programs/leaks, and what is to be said of it.
struct Planted {
  const char* program;
  const char* pattern;
  const char* owner;  // a regular expression; MODULE is the program's module
};

const Planted kPlanted[] = {
    {"dict_cache", "unbounded-cache", "MODULE.cache"},
    {"class_list", "unbounded-cache", "MODULE.Request.log"},
    {"lru_cache", "unbounded-lru-cache", "MODULE.load"},
    {"lru_method", "lru-cache-on-method", "MODULE.Report.total"},
    {"handlers", "handlers-not-removed", "MODULE.events.handlers"},
    {"handlers_dict", "handlers-not-removed", "MODULE.callbacks\\['closed'\\]"},
    {"closures", "closure-capture", "MODULE.callbacks"},
    {"cycles", "cycle-with-del", "MODULE.Node"},
    {"exceptions", "exception-traceback", "MODULE.errors"},
    {"last_error", "exception-traceback", "MODULE.Status.last_error"},
    {"thread_ids", "thread-local", "MODULE.buffers"},
    {"thread_local", "thread-local", "MODULE.local"},
    {"tasks", "pending-task", "MODULE.pending"},
    {"coroutines", "never-awaited-coroutine", "MODULE.Outbox.waiting"},
    {"generators", "unfinished-generator", "MODULE.cursors"},
    {"runtime_classes", "runtime-classes", "MODULE.shapes"},
    {"class_registry", "class-registry", "MODULE.Plugin.known"},
    {"files", "unclosed-file", "MODULE.opened"},
    {"files_in_garbage", "unclosed-file", "garbage, MODULE.Reader.file"},
    {"sockets", "unclosed-socket", "MODULE.Client.connections"},
    {"log_handlers", "logging-handlers", "MODULE.log.handlers"},
    {"context_variable", "contextvar", "MODULE.request"},
    {"weakref_callbacks", "weakref-callbacks", "MODULE.watched"},
    {"large_lru", "large-lru-cache", "MODULE.page"},
    {"class_dict", "unbounded-cache", "MODULE.Client.answers"},
    {"module_list", "unbounded-cache", "MODULE.history"},
    {"default_argument", "unbounded-cache", "MODULE.remember.__defaults__\\[0\\]"},
    {"dead_consumer", "unbounded-cache", "MODULE.metrics.inbox.queue"},
    {"timers", "handlers-not-removed", "MODULE.loop._scheduled"},
    {"exit_handlers", "handlers-not-removed", "atexit"},
    {"in_registry", "unbounded-cache", "MODULE.services\\['service 7'\\].answers"},
    {"in_settings", "unbounded-cache", "MODULE.SETTINGS\\['CACHE'\\]"},
    {"nested", "unbounded-cache", "MODULE.topics"},
    {"one_block", "large-object", "MODULE.picture.pixels"},
    {"chain", "large-object", "MODULE.chain.last"},
    {"contexts", "large-object", "MODULE.Current.context"},
    {"wrapped", "closure-capture", "MODULE.handle"},
    {"weak_keys", "weak-key-cycle", "MODULE.clients"},
    {"executors", "many-threads", "MODULE.pools"},
    {"two_holders", "unbounded-lru-cache", "MODULE.load"},
    // Each beside the cache that has them: two suspects of one program.
    {"duplicates", "duplicate-values", "MODULE.rows"},
    {"sparse", "sparse-containers", "MODULE.nodes"},
    {"no_slots", "missing-slots", "MODULE.Point"},
};

struct Found {
  std::string pattern, owner, evidence, cure;
  double share = 0;
};

std::vector<Found> suspects_of(const PythonProgram& target) {
  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--format", "json", "--limit", "0"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  std::vector<Found> found;
  const std::regex value(
      "\"(pattern|owner|evidence|cure|share)\": (?:\"((?:[^\"\\\\]|\\\\.)*)\"|([0-9.e-]+))");
  for (std::sregex_iterator at(outcome.out.begin(), outcome.out.end(), value), end; at != end; ++at) {
    const std::string key = (*at)[1];
    if (key == "pattern") found.emplace_back();
    if (found.empty()) continue;
    Found& last = found.back();
    if (key == "share")
      last.share = std::stod((*at)[3]);
    else
      (key == "pattern" ? last.pattern
       : key == "owner" ? last.owner
       : key == "cure"  ? last.cure
                        : last.evidence) = (*at)[2];
  }
  return found;
}

std::string format_count(const std::vector<Found>& found) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 6); ++i)
    text += found[i].pattern + ": " + found[i].owner + ", " + found[i].evidence + "\n";
  return text;
}

// Among the first three.
void expect_found(const std::vector<Found>& found, const Planted& planted, const std::string& module) {
  const std::regex owner(std::regex_replace(std::string(planted.owner), std::regex("MODULE"), module));
  bool is = false;
  for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 3); ++i)
    is |= found[i].pattern == planted.pattern && std::regex_match(found[i].owner, owner) &&
          !found[i].evidence.empty() && !found[i].cure.empty();
  EXPECT_TRUE(is) << planted.program << ": no " << planted.pattern << " of " << planted.owner << " in\n"
                  << format_count(found);
}

bool all_asked_for() { return std::getenv("HEAPGLASS_ALL_LEAKS") != nullptr; }

// The oldest, Debian 12's and the newest; with HEAPGLASS_ALL_LEAKS set all.
std::vector<Interpreter> interpreters_asked_for() {
  return all_asked_for() ? supported_interpreters() : few_interpreters();
}

class Leaks : public testing::TestWithParam<Interpreter> {};

TEST_P(Leaks, EveryPatternIsNamedWithItsOwner) {
  for (const Planted& planted : kPlanted) {
    PythonProgram target(GetParam().path, std::string("leaks/") + planted.program + ".py");
    expect_found(suspects_of(target), planted, "__main__");
  }
}

// One that is met on several ways is one suspect, and what it has many of is not accused each by itself.
TEST_P(Leaks, OnceEach) {
  PythonProgram target(GetParam().path, "leaks/history.py");
  const std::vector<Found> found = suspects_of(target);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].owner, "__main__.history") << format_count(found);
  const auto caches = std::count_if(found.begin(), found.end(),
                                    [](const Found& each) { return each.pattern == "unbounded-cache"; });
  EXPECT_LE(caches, 2) << format_count(found);
}

// What is particular about a place is told in the cure.
TEST_P(Leaks, CuresFit) {
  for (const auto& [program, word] : {std::pair{"default_argument", "default value of an argument"},
                                      {"dead_consumer", "maxsize"},
                                      {"timers", "cancel()"},
                                      {"exit_handlers", "atexit.unregister()"},
                                      {"weak_keys", "weakref.ref(key)"},
                                      {"executors", "shutdown()"}}) {
    PythonProgram target(GetParam().path, std::string("leaks/") + program + ".py");
    const std::vector<Found> found = suspects_of(target);
    ASSERT_FALSE(found.empty()) << program;
    EXPECT_NE(found[0].cure.find(word), std::string::npos) << program << ": " << found[0].cure;
  }
}

// What is nested is one suspect, and says how many there are in all.
TEST_P(Leaks, NestedOnesAreOne) {
  PythonProgram target(GetParam().path, "leaks/nested.py");
  const std::vector<Found> found = suspects_of(target);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].evidence.find("dict of 7 lists, 1,000 __main__.Event in all"), 0u)
      << format_count(found);
  for (std::size_t i = 1; i < found.size(); ++i)
    EXPECT_EQ(found[i].owner.find("__main__.topics["), std::string::npos) << format_count(found);
}

// The same objects in two places are one suspect that names both, and `path` does.
TEST_P(Leaks, AllHoldersAreNamed) {
  PythonProgram target(GetParam().path, "leaks/two_holders.py");
  const std::vector<Found> found = suspects_of(target);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].owner, "__main__.load") << format_count(found);
  EXPECT_NE(
      found[0].evidence.find("held by __main__.history too, and freed only when both have dropped them"),
      std::string::npos)
      << format_count(found);
  for (std::size_t i = 1; i < found.size(); ++i)
    EXPECT_NE(found[i].owner, "__main__.history") << format_count(found);
  const Outcome path = run_command({HEAPGLASS_PROGRAM, "path", target.target(), "--type", "__main__.Report"});
  EXPECT_TRUE(std::regex_search(path.out, std::regex("1,000 +0 +module __main__ -> history")) &&
              std::regex_search(path.out, std::regex("1,000 +0 +module __main__ -> load")) &&
              path.out.find("freed only when all of them have dropped it") != std::string::npos)
      << path.out << path.err;
}

// A thread that waits for one of them is a shorter way to it than the list that has them all.
TEST_P(Leaks, SocketsThatThreadsHaveTooCount) {
  PythonProgram target(GetParam().path, "leaks/sockets_of_threads.py");
  const std::vector<Found> found = suspects_of(target);
  const auto sockets = std::find_if(found.begin(), found.end(), [](const Found& each) {
    return each.pattern == "unclosed-socket" && each.owner == "__main__.pairs";
  });
  ASSERT_NE(sockets, found.end()) << format_count(found);
  EXPECT_EQ(sockets->evidence.find("120 open sockets"), 0u) << sockets->evidence;
}

// From 3.14 on behind a PyUnicodeWriter of its own; to 3.11 in lists.
TEST_P(Leaks, WhatAStringIOHasIsNamed) {
  PythonProgram target(GetParam().path, "leaks/written_text.py");
  const std::vector<Found> found = suspects_of(target);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].owner.find("__main__.Console.output"), 0u) << format_count(found);
}

TEST_P(Leaks, WhatExecRunsIsNamedAsItCallsItself) {
  PythonProgram target(GetParam().path, "leaks/executed.py");
  const std::vector<Found> found = suspects_of(target);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].owner, "plugin.seen") << format_count(found);
}

// Constants of installed packages are no leak.
TEST_P(Leaks, LibrariesConstantsAreNone) {
  TemporaryFolder folder;
  PythonProgram target(GetParam().path, "leaks/library_tables.py", {folder.path()});
  for (const Found& each : suspects_of(target))
    EXPECT_EQ(each.owner.find("tables_of_constants"), std::string::npos)
        << each.owner << ": " << each.evidence;
}

// Of many alike, the one that grew while the others did not.
TEST_P(Leaks, TheOneThatGrowsIsNamed) {
  TemporaryFolder folder;
  PythonProgram target(GetParam().path, "leaks/one_grows.py");
  const std::string old = folder.file("old");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", old}).status, 0);
  ASSERT_EQ(target.ask("40"), "DONE");
  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "leaks", old, target.target(), "--format", "json", "-n", "1"});
  EXPECT_NE(outcome.out.find("\"owner\": \"__main__.services[42].answers\""), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("\"objects_delta\": 40,"), std::string::npos) << outcome.out;
}

// The first line says what the memory is, and where else to look: of a snapshot as of the process.
TEST_P(Leaks, WhatIsNotPythonsIsSaid) {
  TemporaryFolder folder;
  PythonProgram target(GetParam().path, "leaks/native_blocks.py");
  const std::string old = folder.file("old");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", old}).status, 0);
  for (const std::string& each : {target.target(), old}) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "leaks", each});
    EXPECT_EQ(outcome.out.find("memory "), 0u) << outcome.out << outcome.err;
    EXPECT_EQ(outcome.out.find("nothing looks like a leak"), std::string::npos) << outcome.out;
    EXPECT_TRUE(std::regex_search(outcome.out, std::regex("no Python\\s+object\\s+but\\s+native")))
        << outcome.out;
  }
  ASSERT_EQ(target.ask("400"), "DONE");
  for (const char* command : {"leaks", "diff"}) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, command, old, target.target()});
    EXPECT_TRUE(std::regex_search(
        outcome.out,
        std::regex("most\\s+of\\s+what\\s+grew\\s+is\\s+no\\s+Python\\s+object\\s+but\\s+native")))
        << outcome.out << outcome.err;
    const Outcome json = run_command({HEAPGLASS_PROGRAM, command, old, target.target(), "--format", "json"});
    EXPECT_TRUE(std::regex_search(
        json.out, std::regex("\"memory\": \\{\\s*\"rss\": [0-9]+,\\s*\"python_objects\": [0-9]+,"
                             "\\s*\"buffers\": [0-9]+,\\s*\"native\": [0-9]+,[^}]*\"rss_delta\": [0-9]+")))
        << json.out;
  }
}

// With two moments what grew comes first, and by how much is told.
class LeaksGrowth : public Leaks {
 protected:
  void expect_first(const std::vector<std::string>& targets, const std::string& delta) {
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "leaks", "--format", "json"};
    command.insert(command.end(), targets.begin(), targets.end());
    const Outcome outcome = run_command(command);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const std::string first = outcome.out.substr(0, outcome.out.find("\"rank\": 2"));
    EXPECT_NE(first.find("\"owner\": \"__main__.cache\""), std::string::npos) << first;
    EXPECT_NE(first.find("\"objects_delta\": " + delta + ","), std::string::npos) << first;
    EXPECT_NE(first.find("\"grew\": 1"), std::string::npos) << first;
  }
  TemporaryFolder folder_;
};

TEST_P(LeaksGrowth, OfSnapshotsCoresAndAProcess) {
  PythonProgram target(GetParam().path, "leaks/dict_cache.py");
  const std::string old = folder_.file("old"), now = folder_.file("new");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", old}).status, 0);
  const std::string core = gcore(target, folder_), old_core = folder_.file("old_core");
  if (!core.empty()) std::filesystem::rename(core, old_core);
  ASSERT_EQ(target.ask("700"), "DONE");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", now}).status, 0);
  expect_first({old, now}, "700");
  expect_first({old, target.target()}, "700");
  if (!core.empty()) expect_first({old_core, gcore(target, folder_)}, "700");
}

TEST(LeaksAgain, WatchAProcess) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "left out: no interpreter";
  PythonProgram target(supported_interpreters().back().path, "leaks/dict_cache.py");
  std::atomic<bool> done = false;
  std::thread work([&] {
    for (; !done; usleep(10000)) target.ask("20");
  });
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--every", "500ms",
                                       "--times", "3", "--format", "json", "--limit", "1"});
  done = true;
  work.join();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\"grew\": 2"), std::string::npos) << outcome.out;
}

TEST(LeaksPicture, ShowsWhoHolds) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "left out: no interpreter";
  PythonProgram target(supported_interpreters().front().path, "leaks/handlers.py");
  const Outcome dot = run_command({HEAPGLASS_PROGRAM, "leaks", target.target(), "--format", "dot"});
  EXPECT_EQ(dot.status, 0) << dot.err;
  for (const char* each : {"Events", "handlers", "method", "Widget.on_change"})
    EXPECT_NE(dot.out.find(each), std::string::npos) << each << " in " << dot.out;
}

// Some of the programs of scripts/recall: each has one leak, and is ranked first. scripts/nightly runs all.
TEST(LeaksRecall, TheCauseIsFirst) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "left out: no interpreter";
  std::vector<Interpreter> interpreters = few_interpreters();
  if (!all_asked_for()) interpreters.erase(interpreters.begin(), interpreters.end() - 1);
  for (const Interpreter& each : interpreters) {
    const Outcome outcome = run_command(
        {kScripts + "recall", "--quick", "--verbose", "--python", each.path, "--program", HEAPGLASS_PROGRAM});
    EXPECT_EQ(outcome.status, 0) << each.name << "\n" << outcome.out << outcome.err;
  }
}

// A real service, if scripts/fetch-packages has installed what it needs; nullptr where not.
std::unique_ptr<PythonProgram> service(const Interpreter& interpreter, const std::string& program,
                                       const std::string& packages,
                                       const std::vector<std::string>& arguments) {
  const std::string minor = interpreter.version.substr(0, interpreter.version.find('.', 2));
  const std::string folder = std::string(HEAPGLASS_SOURCE_DIR) + "/.packages/" + minor + "/" + packages;
  if (!std::filesystem::exists(folder)) return nullptr;
  setenv("PYTHONPATH", (kPrograms + ":" + folder).c_str(), 1);
  auto target = std::make_unique<PythonProgram>(interpreter.path, program, arguments);
  unsetenv("PYTHONPATH");
  return target;
}

constexpr std::pair<const char*, const char*> kServices[] = {{"leaks/flask_service.py", "flask_app"},
                                                             {"leaks/django_service.py", "django_site"}};

bool is_saving(const Planted& planted) {
  const std::string_view pattern = planted.pattern;
  return pattern == "duplicate-values" || pattern == "sparse-containers" || pattern == "missing-slots";
}

// Where tracemalloc traces, the line that what is kept comes from is told: most of it are the lists of
// line 7.
TEST(LeaksTraced, NameTheLine) {
  for (const Interpreter& each : few_interpreters()) {
    PythonProgram target(
        {"env", "PYTHONTRACEMALLOC=1", each.path, "-B", "-W", "ignore", kPrograms + "leaks/dict_cache.py"});
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "leaks", target.target()});
    EXPECT_TRUE(
        std::regex_search(outcome.out, std::regex("__main__\\.cache, [^]*\nallocated at +[^ ]*dict_cache"
                                                  "\\.py:7 \\([0-9.]+ kB\\), [^ ]*dict_cache\\.py:[0-9]+ ")))
        << each.name << "\n"
        << outcome.out << outcome.err;
    // The interpreter's own dict of modules is nobody's cache.
    EXPECT_EQ(outcome.out.find("str to module"), std::string::npos) << outcome.out;
  }
}

// A service beside them imports what it means to: once a program called secrets.py was werkzeug's `secrets`.
TEST(Programs, HaveNoNameOfTheStandardLibrary) {
  const Outcome named = run_command({"python3", "-c",
                                     "import os, sys\n"
                                     "names = getattr(sys, 'stdlib_module_names', sys.builtin_module_names)\n"
                                     "print([f for _, _, files in os.walk(sys.argv[1]) for f in files if "
                                     "f.endswith('.py') and f[:-3] in names])",
                                     std::string(HEAPGLASS_SOURCE_DIR) + "/testdata/programs"});
  EXPECT_EQ(named.out, "[]\n") << named.err;
}

// Two patterns at a time in Flask, under some interpreters by turns; with HEAPGLASS_ALL_LEAKS each pattern
// alone in both services under all interpreters.
TEST(LeaksInServices, AreNamedAmongTheFirstThree) {
  const std::vector<Interpreter> interpreters = interpreters_asked_for();
  std::size_t turn = 0, met = 0, at_once = 0;
  for (std::size_t at = 0; at < std::size(kPlanted); at += at_once, ++turn) {
    at_once = all_asked_for() || is_saving(kPlanted[at]) ? 1 : 2;
    std::vector<std::string> names;
    for (std::size_t i = at; i < std::min(at + at_once, std::size(kPlanted)); ++i)
      names.push_back(kPlanted[i].program);
    for (std::size_t s = 0; s < std::size(kServices); ++s)
      for (std::size_t p = 0; p < interpreters.size(); ++p) {
        if (!all_asked_for() && (s != 0 || turn % interpreters.size() != p)) continue;
        const auto target = service(interpreters[p], kServices[s].first, kServices[s].second, names);
        if (!target) continue;
        ++met;
        SCOPED_TRACE(interpreters[p].name + " " + kServices[s].first);
        const std::vector<Found> found = suspects_of(*target);
        for (std::size_t i = 0; i < names.size(); ++i) expect_found(found, kPlanted[at + i], names[i]);
      }
  }
  if (met == 0) GTEST_SKIP() << "left out: no packages; scripts/fetch-packages flask_app django_site";
}

// Services of five kinds that have done their work for some time and leak nothing.
constexpr std::pair<const char*, const char*> kHealthy[] = {
    {"leaks/flask_service.py", "flask_app"},
    {"leaks/django_service.py", "django_site"},
    {"registry/aiohttp_service.py", "aiohttp_service"},
    {"registry/celery_worker.py", "celery_worker"},
    {"registry/ipython_shell.py", "ipython_shell"}};

TEST(LeaksInServices, HealthyOnesAreLeftInPeace) {
  std::size_t met = 0;
  const std::vector<Interpreter> interpreters = interpreters_asked_for();
  for (std::size_t p = 0; p < interpreters.size(); ++p)
    for (std::size_t s = 0; s < std::size(kHealthy); ++s) {
      if (!all_asked_for() && p != s % interpreters.size()) continue;
      const Interpreter& interpreter = interpreters[p];
      if (all_asked_for() && interpreter.build == "debug")
        continue;  // not every package's C code loads there
      const auto& [program, packages] = kHealthy[s];
      const auto target = service(interpreter, program, packages, {});
      if (!target) continue;
      ++met;
      std::size_t accused = 0;
      const std::vector<Found> found = suspects_of(*target);
      for (const Found& each : found) accused += each.share > 0.05;
      EXPECT_LE(accused, 2u) << interpreter.name << " " << program << "\n" << format_count(found);
    }
  if (met == 0) GTEST_SKIP() << "left out: no packages; scripts/fetch-packages flask_app django_site";
}

INSTANTIATE_TEST_SUITE_P(Live, Leaks, testing::ValuesIn(interpreters_asked_for()), InterpreterName());
INSTANTIATE_TEST_SUITE_P(Live, LeaksGrowth, testing::ValuesIn(interpreters_asked_for()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LeaksGrowth);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Leaks);

}  // namespace
}  // namespace heapglass
