// heapglass guard: a snapshot before the kernel kills, and all that its rules allow and forbid. Groups of the
// kernel where they can be made; else, and for what has to come at a certain time, folders with the files of
// a group of version 2, which inotify tells of in the same way.

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <regex>

#include "cmd/tests/control_group.h"
#include "cmd/tests/python_program.h"
#include "cmd/tests/running_guard.h"

namespace heapglass {
namespace {

TEST_F(Guard, HasACompleteSnapshotBeforeTheKernelKills) {
  const ControlGroup group("memory", "memory.limit_in_bytes");
  if (!group.why_not().empty()) GTEST_SKIP() << group.why_not();
  ASSERT_TRUE(group.set("memory.limit_in_bytes", "80M"));
  const std::string directory = group.file("").substr(0, group.file("").size() - 1);
  RunningGuard guard(
      rules("[shop]\ngroup = " + directory + "\nwhen = memory > 85%\ndo = snapshot\nvalues = none\n"));
  ASSERT_TRUE(guard.wait_for("is watched"));
  ChildProcess service(
      {few_interpreters().back().path, kPrograms + "until_killed.py", group.members_file(), "6e6"}, {});
  ASSERT_EQ(service.wait(std::chrono::minutes(2)), 128 + SIGKILL) << guard.said();
  ASSERT_TRUE(guard.wait_for("wrote shop-"));
  const auto snapshots = files_with(".hg");
  ASSERT_EQ(snapshots.size(), 1u) << guard.said();
  const Outcome info = heapglass({"info", snapshots[0]});
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_TRUE(std::regex_search(info.out, std::regex("process +" + std::to_string(service.pid()) + "\n")))
      << info.out;
  struct stat about {};
  ASSERT_EQ(stat(snapshots[0].c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_NE(guard.said().find("memory > 85% ("), std::string::npos) << guard.said();
  expect_nothing_unfinished();
  EXPECT_EQ(guard.end(), 0);
}

// As the unit of systemd and the DaemonSet have it.
TEST_F(Guard, TakesThreeCapabilitiesAndGroupsThatAreReadOnly) {
  const ControlGroup group("memory", "memory.limit_in_bytes");
  if (!group.why_not().empty()) GTEST_SKIP() << group.why_not();
  ASSERT_TRUE(group.set("memory.limit_in_bytes", "80M"));
  const std::string directory = group.file("").substr(0, group.file("").size() - 1);
  const std::string mounted = directory.substr(0, directory.rfind('/'));
  const std::string file =
      rules("[shop]\ngroup = " + directory + "\nwhen = memory > 85%\ndo = snapshot\nvalues = none\n");
  const std::string start = "mount --bind " + mounted + " " + mounted + " && mount -o remount,ro,bind " +
                            mounted +
                            " && exec setpriv --bounding-set=-all,+sys_ptrace,+dac_read_search,+sys_nice "
                            "--inh-caps=-all --no-new-privs ";
  const std::vector<std::string> as_in_a_pod{"unshare", "-m", "--propagation", "private", "sh", "-c"};
  const auto words = [&](const std::string& command) {
    std::vector<std::string> all = as_in_a_pod;
    all.push_back(start + command);
    return all;
  };
  if (run_command(words("true")).status != 0)
    GTEST_SKIP() << "no namespace with these capabilities can be made here";
  RunningGuard guard(words(std::string(HEAPGLASS_PROGRAM) + " guard " + file));
  ASSERT_TRUE(guard.wait_for("is watched"));
  ChildProcess service(
      {few_interpreters().back().path, kPrograms + "until_killed.py", group.members_file(), "6e6"}, {});
  ASSERT_EQ(service.wait(std::chrono::minutes(2)), 128 + SIGKILL) << guard.said();
  EXPECT_TRUE(guard.wait_for("wrote shop-"));
  EXPECT_EQ(guard.end(), 0);
}

TEST_F(Guard, SnapshotReportDiffHookAndGauge) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  // Under its name once it is whole: guard may end while the second hook still writes.
  std::ofstream(folder_.file("hook")) << "#!/bin/sh\ncd " << folder_.path()
                                      << " && env | grep HEAPGLASS_ > part-$$ && mv part-$$ told-$1-$$\n";
  chmod(folder_.file("hook").c_str(), 0700);
  RunningGuard guard(rules("[shop]\ngroup = " + group.path() +
                               "\nwhen = memory > 90%\ndo = snapshot, report, diff\nrun = " +
                               folder_.file("hook") + " word\ncooldown = 1ms\n",
                           "gauge = " + folder_.file("guard.prom") + "\n"));
  cross(group);
  ASSERT_TRUE(guard.wait_for("there is no earlier snapshot of it to compare with"));
  ASSERT_EQ(target.ask("grow 5000"), "OK");
  std::this_thread::sleep_for(milliseconds(1100));  // names have seconds
  cross(group);
  ASSERT_TRUE(guard.wait_for(".diff.txt"));
  EXPECT_EQ(guard.end(), 0);
  EXPECT_EQ(files_with(".hg").size(), 2u) << guard.said();
  EXPECT_EQ(files_with(".html").size(), 2u);
  ASSERT_EQ(files_with(".diff.txt").size(), 1u);
  EXPECT_NE(file_text(files_with(".diff.txt")[0]).find("Session"), std::string::npos);
  const std::string gauges = file_text(folder_.file("guard.prom"));
  EXPECT_NE(gauges.find("heapglass_guard_snapshots{rule=\"shop\"} 2"), std::string::npos) << gauges;
  std::string told;
  for (const auto& each : std::filesystem::directory_iterator(folder_.path()))
    if (each.path().filename().string().starts_with("told-word-")) told = file_text(each.path());
  for (const char* const part : {"HEAPGLASS_RULE=shop\n", "HEAPGLASS_TRIGGER=memory > 90%\n",
                                 "HEAPGLASS_REASON=95.0 MB of 100 MB are used\n"})
    EXPECT_NE(told.find(part), std::string::npos) << told;
  EXPECT_NE(told.find("HEAPGLASS_PID=" + target.target() + "\n"), std::string::npos) << told;
}

TEST_F(Guard, CooldownAndNumberAreRespectedAndOutliveIt) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  const std::string rule = "[shop]\ngroup = " + group.path() + "\nwhen = memory > 90%\ndo = snapshot\n";
  {
    RunningGuard guard(rules(rule));
    cross(group);
    ASSERT_TRUE(guard.wait_for("wrote shop-"));
    cross(group);
    ASSERT_TRUE(guard.wait_for("not acted on, its cooldown lasts"));
    guard.end(SIGKILL);
  }
  group.use(10'000'000);
  {
    RunningGuard guard(rules(rule));
    ASSERT_TRUE(guard.wait_for("is watched"));
    cross(group);
    ASSERT_TRUE(guard.wait_for("not acted on, its cooldown lasts"));
    guard.end();
  }
  group.use(10'000'000);
  {
    RunningGuard guard(rules(rule + "cooldown = 1ms\nnumber = 2\n"));
    ASSERT_TRUE(guard.wait_for("is watched"));
    std::this_thread::sleep_for(milliseconds(1100));
    cross(group);
    ASSERT_TRUE(guard.wait_for("wrote shop-"));
    cross(group);
    ASSERT_TRUE(guard.wait_for("it acted 2 times, as many as 'number' allows"));
    guard.end();
  }
  EXPECT_EQ(files_with(".hg").size(), 2u);
}

// Nor does one that is under way.
TEST_F(Guard, GrowthDoesNotTakeTheTurnOfTheKill) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  RunningGuard guard(
      rules("[shop]\ngroup = " + group.path() +
            "\nwhen = growth > 20MB in 1min\nwhen = memory > 90%\ndo = snapshot\nname = %p-%H%M%S\n"));
  ASSERT_TRUE(guard.wait_for("is watched"));
  group.use(10'000'000);
  std::this_thread::sleep_for(milliseconds(300));
  group.use(40'000'000);
  ASSERT_TRUE(guard.wait_for("growth > 20MB in 1min (it grew by 30.0 MB to 40.0 MB)"));
  group.use(95'000'000);
  EXPECT_TRUE(guard.wait_for("wrote", 2));
  EXPECT_EQ(files_with(".hg").size(), 2u);  // whatever the second
  EXPECT_EQ(guard.said().find("not acted on"), std::string::npos) << guard.said();
}

TEST_F(Guard, EventsOfTheGroupFire) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  RunningGuard guard(rules("[shop]\ngroup = " + group.path() + "\nwhen = event max\ndo = snapshot\n"));
  ASSERT_TRUE(guard.wait_for("is watched"));
  std::this_thread::sleep_for(milliseconds(300));
  group.tell(3);
  EXPECT_TRUE(guard.wait_for("event max (memory.events counts 3 of max)"));
  EXPECT_TRUE(guard.wait_for("wrote shop-"));
}

TEST_F(Guard, PagesThatTheKernelDropsDoNotCount) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  group.write("memory.stat", "inactive_file 50000000");
  RunningGuard guard(rules("[shop]\ngroup = " + group.path() + "\nwhen = memory > 90%\ndo = snapshot\n"));
  cross(group);
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_EQ(guard.said().find("memory > 90%"), std::string::npos) << guard.said();
  group.write("memory.stat", "inactive_file 1000");
  group.tell();
  EXPECT_TRUE(guard.wait_for("wrote shop-"));
}

TEST_F(Guard, ASecondOneWithTheSameFolderIsRefused) {
  const std::string file = rules("[shop]\nuser = 4294967294\nwhen = rss > 1GB\ndo = snapshot\n");
  RunningGuard guard(file);
  const Outcome second = heapglass({"guard", file});
  EXPECT_EQ(second.status, 5);
  EXPECT_EQ(second.err, "heapglass: another guard, process " + std::to_string(guard.pid()) +
                            ", has the folder '" + files() +
                            "' (end that, or give this one another folder)\n");
}

TEST_F(Guard, GroupsComeAndGo) {
  PythonProgram target = program();
  RunningGuard guard(
      rules("[shop]\ngroup = " + folder_.path() + "/pods/pod-*/c?\nwhen = memory > 90%\ndo = snapshot\n"));
  {
    const GroupOfFiles group(folder_.file("pods/pod-1/c1"), target.pid());
    ASSERT_TRUE(guard.wait_for("/pods/pod-1/c1: is watched"));
  }
  const GroupOfFiles second(folder_.file("pods/pod-2/c1"), target.pid());
  ASSERT_TRUE(guard.wait_for("/pods/pod-2/c1: is watched"));
  std::filesystem::remove_all(folder_.file("pods/pod-1"));
  ASSERT_TRUE(guard.wait_for("/pods/pod-1/c1: the group is gone"));
  const GroupOfFiles again(folder_.file("pods/pod-1/c1"), target.pid());
  ASSERT_TRUE(guard.wait_for("/pods/pod-1/c1: is watched", 2));
  cross(again);
  EXPECT_TRUE(guard.wait_for("/pods/pod-1/c1: process " + target.target() + ": wrote shop-"));
}

TEST_F(Guard, NamesOfGroupsDoNotSteerATerminal) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("pods/a\x1b[31m\nb"), target.pid());
  RunningGuard guard(rules("[shop]\ngroup = " + folder_.path() +
                           "/pods/*\nwhen = memory > 90%\ndo = snapshot\nname = %g-%S-%p\n"));
  cross(group);
  ASSERT_TRUE(guard.wait_for("wrote a__31m_b-"));
  EXPECT_EQ(guard.said().find('\x1b'), std::string::npos);
  guard.end();
  RunningGuard again(folder_.file("rules"));  // the state has the name
  group.use(10'000'000);
  std::this_thread::sleep_for(milliseconds(150));
  cross(group);
  EXPECT_TRUE(again.wait_for("its cooldown lasts"));
}

TEST_F(Guard, AProcessByItsRss) {
  const std::string word = "guarded-" + std::to_string(getpid());
  PythonProgram target = program(word);
  RunningGuard guard(
      rules("[worker]\ncommand = growing.py " + word + "\nwhen = rss > 60MB\ndo = snapshot\n"));
  ASSERT_TRUE(guard.wait_for("process " + target.target() + ": is watched"));
  ASSERT_EQ(target.ask("grow 100000"), "OK");
  ASSERT_TRUE(guard.wait_for("rss > 60MB (the RSS is "));
  ASSERT_TRUE(guard.wait_for("wrote worker-"));
  target.finish();
  EXPECT_TRUE(guard.wait_for("process " + target.target() + ": it exited with code 0"));
}

TEST_F(Guard, WhatIsNoPythonIsSaidAndCostsNothing) {
  ChildProcess sleeper({"sleep", "600"}, {});
  const GroupOfFiles group(folder_.file("group"), sleeper.pid());
  RunningGuard guard(rules("[shop]\ngroup = " + group.path() + "\nwhen = memory > 90%\ndo = snapshot\n"));
  cross(group);
  EXPECT_TRUE(guard.wait_for("no process there runs a Python"));
  EXPECT_EQ(guard.end(), 0);
  EXPECT_EQ(file_text(files() + "/guard.state").find("acted"), std::string::npos);
}

TEST_F(Guard, AnActionThatTakesTooLongIsEnded) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  RunningGuard guard(
      rules("[shop]\ngroup = " + group.path() + "\nwhen = memory > 90%\nrun = /bin/sleep 600\ntime = 1s\n"));
  cross(group);
  EXPECT_TRUE(guard.wait_for("run: was ended: it took longer than 'time' allows"));
}

TEST_F(Guard, AFileThatIsTooLargeLeavesWhatWasComplete) {
  PythonProgram target = program();
  ASSERT_EQ(target.ask("grow 20000"), "OK");
  const GroupOfFiles group(folder_.file("group"), target.pid());
  const std::string rule =
      "[shop]\ngroup = " + group.path() + "\nwhen = memory > 90%\ndo = snapshot\ncooldown = 1ms\n";
  {
    RunningGuard guard(rules(rule));
    cross(group);
    ASSERT_TRUE(guard.wait_for("wrote shop-"));
    guard.end();
  }
  group.use(10'000'000);
  RunningGuard guard(rules(rule, "disk = 1MB\n"));
  ASSERT_TRUE(guard.wait_for("is watched"));
  cross(group);
  EXPECT_TRUE(guard.wait_for("it would have more than 250000 bytes"));
  EXPECT_EQ(guard.end(), 0);
  expect_nothing_unfinished();
}

TEST_F(Guard, TheOldestFilesGoWhereTheDiskIsToBeKept) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  RunningGuard guard(rules("[shop]\ngroup = " + group.path() +
                               "\nwhen = memory > 90%\ndo = snapshot\ncooldown = 1ms\nnumber = 0\n",
                           "disk = 8MB\n"));
  std::uintmax_t most = 0;
  for (std::size_t i = 1;
       guard.said().find(", the oldest, to stay within 'disk'") == std::string::npos && i < 30; ++i) {
    cross(group);
    ASSERT_TRUE(guard.wait_for("wrote shop-", i));
    std::uintmax_t all = 0;
    for (const std::string& each : files_with(".hg")) all += std::filesystem::file_size(each);
    most = std::max(most, all);
    std::this_thread::sleep_for(milliseconds(1000));
  }
  EXPECT_NE(guard.said().find("removed shop-"), std::string::npos) << guard.said();
  EXPECT_LE(most, 8'000'000u);
  EXPECT_GE(files_with(".hg").size(), 1u);
}

TEST_F(Guard, AFullDiskIsALineAndNoEnd) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  mkdir(files().c_str(), 0700);
  if (mount("heapglass-test", files().c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "no tmpfs can be mounted here";
  {
    std::ofstream(files() + "/filler") << std::string(200 << 10, 'x');
    RunningGuard guard(
        rules("[shop]\ngroup = " + group.path() + "\nwhen = memory > 90%\ndo = snapshot\ncooldown = 1ms\n"));
    cross(group);
    EXPECT_TRUE(guard.wait_for("No space left on device"));
    EXPECT_EQ(unfinished(), 0u);
    EXPECT_EQ(files_with(".hg").size(), 0u);
    EXPECT_EQ(guard.end(), 0) << guard.said();
  }
  umount2(files().c_str(), MNT_DETACH);
}

TEST_F(Guard, AStateThatGuardDidNotWriteIsRefusedInOneLine) {
  const std::string file = rules("[shop]\nuser = 4294967294\nwhen = rss > 1GB\ndo = snapshot\n");
  mkdir(files().c_str(), 0700);
  std::ofstream(files() + "/guard.state") << "heapglass-guard 1\nboot b\nfile a b ../../etc/passwd\n";
  const Outcome outcome = heapglass({"guard", file});
  EXPECT_EQ(outcome.status, 5);
  EXPECT_NE(outcome.err.find("guard.state' cannot be used: line 3 has a name that is none"),
            std::string::npos)
      << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
}

TEST_F(Guard, TyposInRulesAreToldWithFileAndLine) {
  const std::string file = rules("[shop]\ngroup = /x\nwehn = memory > 90%\n");
  for (const bool check : {false, true}) {
    const Outcome outcome = check ? heapglass({"guard", file, "--check"}) : heapglass({"guard", file});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.err.rfind(
                  "heapglass: " + file + ":4: there is no key 'wehn' in a rule (did you mean when?", 0),
              0u)
        << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
  }
  EXPECT_EQ(heapglass({"guard"}).status, 2);
  EXPECT_EQ(heapglass({"guard", "/not/there"}).status, 2);
  EXPECT_FALSE(std::filesystem::exists(files()));
}

TEST_F(Guard, ProgramsOfOthersAreNotRun) {
  const std::string text = "[shop]\nuser = 4294967294\nwhen = rss > 1GB\ndo = snapshot\n";
  const std::string file = rules(text + "run = /bin/true\n");
  const auto refused = [&](const std::string& why) {
    const Outcome outcome = heapglass({"guard", file, "--check"});
    EXPECT_EQ(outcome.status, 2) << outcome.out;
    EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  };
  ASSERT_EQ(chmod(file.c_str(), 0666), 0);
  refused("chmod go-w");
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  EXPECT_EQ(heapglass({"guard", file, "--check"}).status, 0);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(file.c_str(), 12345, 12345), 0);
    refused("user 12345 owns it");
  }
}

TEST_F(Guard, BeginsAnewAtSighupWhereTheRulesAreWhole) {
  const std::string rule = "[shop]\nuser = 4294967294\nwhen = rss > 1GB\ndo = snapshot\n";
  const std::string file = rules(rule);
  RunningGuard guard(file);
  rules(rule + "colour = red\n");
  kill(guard.pid(), SIGHUP);
  ASSERT_TRUE(
      guard.wait_for("the rules stay as they were: " + file + ":6: there is no key 'colour' in a rule"));
  rules(rule + "[second]\nuser = 4294967294\nwhen = rss > 1GB\ndo = report\n");
  kill(guard.pid(), SIGHUP);
  EXPECT_TRUE(guard.wait_for("guard began: 2 rules"));
  EXPECT_EQ(guard.end(SIGINT), 130);
}

TEST_F(Guard, CheckSaysWhatWouldBeWatchedAndWritesNothing) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  const Outcome outcome =
      heapglass({"guard",
                 rules("[shop]\ngroup = " + group.path() +
                       "\nwhen = memory > 90%\nwhen = event max\ndo = snapshot\n"
                       "[none]\ngroup = /sys/fs/cgroup/not-there-*\nwhen = event oom\ndo = report\n"),
                 "--check", "--format", "csv"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("shop," + group.path() + ",memory > 90%,10000000,100000000,"), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("event max,10000000,100000000,event"), std::string::npos) << outcome.out;
  EXPECT_FALSE(std::filesystem::exists(files()));
}

}  // namespace
}  // namespace heapglass
