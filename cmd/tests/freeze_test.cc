// How a process is held: for as long as was permitted, without a trace, and let go whatever happens to
// heapglass.

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <regex>
#include <sstream>

#include "cmd/tests/live_results.h"
#include "cmd/tests/proc_status.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

Outcome heapglass(const Words& words) {
  Words command{HEAPGLASS_PROGRAM};
  command.insert(command.end(), words.begin(), words.end());
  return run_command(command);
}

// The first number that the pattern captures, -1 where there is none.
double number(const std::string& text, const std::string& pattern) {
  std::smatch found;
  return std::regex_search(text, found, std::regex(pattern)) ? std::stod(found[1]) : -1;
}

double pause_ms(const Outcome& info) { return number(info.out, "\"pause_ms\": *([0-9.]+)"); }

class Freeze : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    python_ = supported_interpreters().front().path;
  }
  std::string python_;
};

TEST_F(Freeze, ModesThereAreNot) {
  for (const char* mode : {"frozen", "0", "COPY", "copy,none"}) {
    const Outcome outcome = heapglass({"info", "1", std::string("--freeze=") + mode});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find("fork, none or auto"), std::string::npos) << outcome.err;
  }
  for (const char* limit : {"0", "-5", "1.5", "soon", "99999999999"}) {
    const Outcome outcome = heapglass({"info", "1", std::string("--max-pause=") + limit});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find("--max-pause"), std::string::npos) << outcome.err;
  }
}

TEST_F(Freeze, IsRefusedWhereItWouldTakeTooLong) {
  PythonProgram target(python_, "undisturbed.py", {"5000000"});  // 160 MB: no machine copies that in 1 ms
  const Outcome refused = heapglass({"histogram", target.target(), "--max-pause", "1"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
  EXPECT_NE(refused.err.find("--max-pause permits 1.0 ms"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("--freeze=none would fit"), std::string::npos) << refused.err;
  // It was not touched: this one kind of wait does not outlast a stop.
  EXPECT_EQ(target.ask("i"), "0");
  const double estimate = number(refused.err, "for about ([0-9.]+) ms");

  const Outcome done = heapglass({"info", target.target(), "--max-pause", "60000", "--format", "json"});
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_GT(pause_ms(done), 1) << done.out;
  EXPECT_LT(pause_ms(done), 60000) << done.out;
  // What else runs on the machine makes the two differ, not by orders of magnitude.
  EXPECT_GT(estimate, pause_ms(done) / 30);
  EXPECT_LT(estimate, pause_ms(done) * 30);

  const Outcome without =
      heapglass({"info", target.target(), "--max-pause", "1", "--freeze=none", "--format", "json"});
  EXPECT_EQ(without.status, 0) << without.err;
  EXPECT_EQ(pause_ms(without), 0) << without.out;
  EXPECT_EQ(target.finish(), 0);
}

// Estimated well or not, it is never held longer than was permitted, but for the moment that letting go
// takes.
TEST_F(Freeze, IsLetGoInTime) {
  PythonProgram target(python_, "bench_heap.py", {"1000000"});
  int done = 0, refused = 0;
  for (const char* limit : {"1", "5", "10", "15", "20", "30", "40", "60", "80", "120", "200", "60000"}) {
    const Outcome outcome = heapglass({"info", target.target(), "--max-pause", limit, "--format", "json"});
    if (outcome.status == 0) {
      ++done;
      EXPECT_LT(pause_ms(outcome), std::stod(limit) + 100) << outcome.out;
    } else {
      ++refused;
      EXPECT_EQ(outcome.status, 3);
      EXPECT_TRUE(std::regex_search(outcome.err, std::regex("was not stopped|was resumed after")))
          << outcome.err;
    }
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
  }
  EXPECT_GT(done, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(Freeze, WithoutAStopNothingIsStopped) {
  PythonProgram target(python_, "undisturbed.py");
  for (int i = 0; i < 20; ++i) {
    const Outcome outcome = heapglass({"histogram", target.target(), "--freeze=none"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("read while it ran: "), std::string::npos) << outcome.out;
  }
  EXPECT_EQ(target.ask("i"), "0");
  // That this would have told: it tells every stop.
  for (int i = 0; i < 5; ++i) {
    const Outcome outcome = heapglass({"histogram", target.target()});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out.find("read while it ran"), std::string::npos) << outcome.out;
  }
  EXPECT_GE(std::atoi(target.ask("i").c_str()), 4);
  EXPECT_EQ(target.finish(), 0);
}

// Objects of a type, by the first table of histogram's CSV.
std::map<std::string, long> counts_in(const std::string& csv) {
  std::map<std::string, long> counts;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t comma = line.find(',');
    if (comma != std::string::npos) counts[line.substr(0, comma)] = std::atol(line.c_str() + comma + 1);
  }
  return counts;
}

// But for the few objects that their blocks alone tell, which are not looked for where it was not stopped.
TEST_F(Freeze, WithoutAStopAQuietProcessIsReadAlike) {
  for (const char* program : {"frozen.py", "bench_heap.py", "threads.py"}) {
    PythonProgram target(python_, program);
    const Outcome held = heapglass({"histogram", target.target(), "--format", "csv"}),
                  running = heapglass({"histogram", target.target(), "--format", "csv", "--freeze=none"}),
                  told = heapglass({"histogram", target.target(), "--freeze=none"});
    EXPECT_EQ(held.status, 0) << held.err;
    EXPECT_EQ(running.status, 0) << running.err;
    const auto stopped = counts_in(held.out), unstopped = counts_in(running.out);
    constexpr long kFew = 200;
    for (const auto& [type, count] : stopped) {
      const auto at = unstopped.find(type);
      const long there = at == unstopped.end() ? 0 : at->second;
      EXPECT_LE(there, count) << program << ": " << type;
      EXPECT_GE(there, count - kFew) << program << ": " << type;
    }
    EXPECT_NE(told.out.find("read while it ran: no object was found torn"), std::string::npos) << told.out;
  }
}

// Changed at full speed while it is read: what is told is in part wrong, is told as such, and comes to an
// end.
void read_what_changes(const std::string& python, int times) {
  PythonProgram target(python, "mutating.py");
  int torn = 0;
  for (int i = 0; i < times; ++i) {
    const Outcome outcome = heapglass({"histogram", target.target(), "--freeze=none", "--limit", "100"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    // 20,000 are held; garbage in cycles that is not collected yet is there too.
    std::string digits;
    std::smatch found;
    ASSERT_TRUE(std::regex_search(outcome.out, found, std::regex("__main__\\.Item +([0-9,]+)")))
        << outcome.out;
    digits = found[1];
    digits.erase(std::remove(digits.begin(), digits.end(), ','), digits.end());
    EXPECT_GT(std::stol(digits), 10000) << outcome.out;
    EXPECT_LT(std::stol(digits), 100000) << outcome.out;
    torn += std::regex_search(outcome.out, std::regex("read while it ran: [0-9]+ objects? w"));
  }
  EXPECT_TRUE(torn > 0 || times < 5);
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(Freeze, WithoutAStopWhatChangesIsCounted) { read_what_changes(python_, 20); }

class FreezeOnEvery : public testing::TestWithParam<Interpreter> {};

TEST_P(FreezeOnEvery, WithoutAStopWhatChangesIsCounted) { read_what_changes(GetParam().path, 2); }

TEST_P(FreezeOnEvery, NoWaitIsDisturbed) {
  PythonProgram target(GetParam().path, "undisturbed.py");
  for (int i = 0; i < 20; ++i) {
    const Outcome outcome = heapglass({"info", "--no-heap", target.target()});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  EXPECT_TRUE(target.answers('a', 'A'));
  EXPECT_EQ(target.finish(), 0);
}

// Blindly stopped it would be met in a collection more often than not.
TEST_P(FreezeOnEvery, NotInTheMiddleOfACollection) {
  PythonProgram target(GetParam().path, "often_collecting.py");
  for (int i = 0; i < 6; ++i) {
    const Outcome outcome = heapglass({"info", "--no-heap", target.target(), "--format", "json"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("\"gc_collecting\": false"), std::string::npos) << outcome.out;
  }
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_EQ(target.finish(), 0);
}

INSTANTIATE_TEST_SUITE_P(Live, FreezeOnEvery, testing::ValuesIn(interpreters_of_the_day("FreezeOnEvery")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FreezeOnEvery);

TEST_F(Freeze, NoWaitIsDisturbedByAHundred) {
  PythonProgram target(python_, "undisturbed.py");
  for (int i = 0; i < 100; ++i) {
    const Outcome outcome = heapglass({"info", "--no-heap", target.target()});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  EXPECT_TRUE(target.answers('a', 'A'));
  EXPECT_EQ(target.finish(), 0);
}

// A thread in an uninterruptible wait is as good as stopped: nobody waits for it.
TEST_F(Freeze, AThreadThatWaitsForAVforkIsNotWaitedFor) {
  PythonProgram target(python_, "vforking.py", {"6"});
  for (int i = 0; i < 500 && target.state() != 'D'; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ASSERT_EQ(target.state(), 'D');
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = heapglass({"histogram", target.target(), "--limit", "100"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_TRUE(std::regex_search(outcome.out, std::regex("__main__\\.Held +1,000"))) << outcome.out;
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
    EXPECT_EQ(target.state(), 'D');  // still, so that none of this waited for it
  }
  EXPECT_TRUE(target.answers('?', '+'));
  EXPECT_EQ(target.finish(), 0);
}

TEST_F(Freeze, FiveThousandThreads) {
  for (const Interpreter& each : supported_interpreters())
    if (each.build == "release")
      python_ = each.path;  // the newest: debug builds take minutes to start as many
  PythonProgram target(python_, "many_threads.py", {"5000", "5"});
  for (const char* mode : {"copy", "fork", "precopy"}) {
    const Outcome outcome = heapglass({"info", target.target(), "--format", "json", "--freeze", mode});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    // With the one that began it. Some may not have come to run yet.
    EXPECT_GT(number(outcome.out, "\"os_threads\": *([0-9]+)"), 4000) << outcome.out;
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
  }
  EXPECT_TRUE(target.answers('a', 'A'));
  EXPECT_EQ(zombies_of(target.pid()), 0);
}

// The collector waits in a callback, for ever: nobody waits for it, and it is told.
TEST_F(Freeze, ACollectionThatNeverEndsIsTakenAsItIs) {
  PythonProgram target(python_, "collecting.py", {"callback"});
  const std::string told = "in the middle of a garbage collection";
  Outcome outcome;
  for (int i = 0; i < 20 && outcome.out.find(told) == std::string::npos; ++i) {  // it begins after READY
    outcome = heapglass({"histogram", target.target()});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  EXPECT_NE(outcome.out.find(told), std::string::npos) << outcome.out;
  kill(target.pid(), SIGSTOP);  // stopped, it is not waited for at all
  const Outcome stopped = heapglass({"histogram", target.target()});
  EXPECT_NE(stopped.out.find(told), std::string::npos) << stopped.out;
}

// What is small is copied: the other ways need code in the target.
TEST_F(Freeze, AutoTakesAWayAndTellsWhich) {
  PythonProgram target(python_, "frozen.py");
  const Outcome outcome = heapglass({"info", target.target(), "--freeze=auto", "--format", "json"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\"freeze\": \"copy\""), std::string::npos) << outcome.out;
}

// Killed at any moment, half of the time in the middle of the stop: every thread goes on.
TEST_F(Freeze, LivesWhateverHappensToUs) {
  PythonProgram target(python_, "undisturbed.py", {"1000000"});
  std::mt19937 random(20261121);
  int in_the_stop = 0;
  // On a machine that is busy it takes long to come to the stop, and we may get no processor to see it.
  for (int i = 0; i < 40 || (in_the_stop == 0 && i < 100); ++i) {
    {
      ChildProcess looking({HEAPGLASS_PROGRAM, "histogram", target.target()}, {});
      const auto began = std::chrono::steady_clock::now();
      const auto until =
          began + (i % 2 ? std::chrono::seconds(2) : std::chrono::microseconds(random() % 150000));
      while (std::chrono::steady_clock::now() < until) {
        if (i % 2 && status_line(target.pid(), "TracerPid") != "0") {
          ++in_the_stop;
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
          break;
        }
        if (!(i % 2)) std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    }  // killed here
    ASSERT_TRUE(target.answers('a', 'A')) << "after round " << i;
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
  }
  EXPECT_GT(in_the_stop, 0);
  EXPECT_EQ(heapglass({"histogram", target.target()}).status, 0);
  EXPECT_TRUE(target.answers('a', 'A'));
}

}  // namespace
}  // namespace heapglass
