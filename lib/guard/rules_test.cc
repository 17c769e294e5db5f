#include "lib/guard/rules.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/guard/rule_values.h"

namespace heapglass {
namespace {

using std::chrono::milliseconds;

constexpr char kRules[] = R"(# what is watched
folder = /var/lib/heapglass/guard/
disk = 2GB
at-once = 1
gauge = /var/lib/node/guard.prom

[shop]
group = /sys/fs/cgroup/system.slice/shop-*.service
group = /sys/fs/cgroup/other
user = shop
when = memory > 90%
when = memory>1.5 GiB
when = event max
when = pressure full > 150ms in 2s
when = growth > 200MB in 10min
do = snapshot, report,diff
run = /usr/bin/notify  --channel x
values = none
pause = 500ms
baseline = 10min
name = %g-%S-%p
cooldown = 1h
number = 3 in 1d
largest = 2
time = 90s
	
[worker]
command = celery worker
when = rss > 500 MB
do = report
number = 7
)";

TEST(GuardRules, AreRead) {
  const GuardRules rules = parse_guard_rules(kRules, "rules");
  EXPECT_EQ(rules.folder, "/var/lib/heapglass/guard");
  EXPECT_EQ(rules.disk, 2'000'000'000u);
  EXPECT_EQ(rules.at_once, 1u);
  EXPECT_EQ(rules.gauge, "/var/lib/node/guard.prom");
  ASSERT_EQ(rules.rules.size(), 2u);
  const GuardRule& shop = rules.rules[0];
  EXPECT_EQ(shop.name, "shop");
  EXPECT_EQ(shop.groups,
            (std::vector<std::string>{"/sys/fs/cgroup/system.slice/shop-*.service", "/sys/fs/cgroup/other"}));
  EXPECT_EQ(shop.user, "shop");
  ASSERT_EQ(shop.triggers.size(), 5u);
  EXPECT_EQ(shop.triggers[0].percent, 90);
  EXPECT_EQ(shop.triggers[0].text, "memory > 90%");
  EXPECT_EQ(shop.triggers[1].bytes, 1'610'612'736u);
  EXPECT_EQ(shop.triggers[2].event, "max");
  EXPECT_EQ(shop.triggers[3].kind, TriggerKind::kPressure);
  EXPECT_TRUE(shop.triggers[3].full);
  EXPECT_EQ(shop.triggers[3].stall, milliseconds(150));
  EXPECT_EQ(shop.triggers[3].window, milliseconds(2000));
  EXPECT_EQ(shop.triggers[4].bytes, 200'000'000u);
  EXPECT_EQ(shop.triggers[4].window, milliseconds(600'000));
  EXPECT_TRUE(shop.snapshot && shop.report && shop.diff);
  EXPECT_EQ(shop.run, (std::vector<std::string>{"/usr/bin/notify", "--channel", "x"}));
  EXPECT_EQ(shop.values, "none");
  EXPECT_EQ(shop.pause, milliseconds(500));
  EXPECT_EQ(shop.baseline, milliseconds(600'000));
  EXPECT_EQ(shop.cooldown, milliseconds(3'600'000));
  EXPECT_EQ(shop.number, 3u);
  EXPECT_EQ(shop.number_window, milliseconds(86'400'000));
  EXPECT_EQ(shop.largest, 2u);
  EXPECT_EQ(shop.time, milliseconds(90'000));
  const GuardRule& worker = rules.rules[1];
  EXPECT_FALSE(worker.watches_groups());
  EXPECT_EQ(worker.command, "celery worker");
  EXPECT_EQ(worker.number, 7u);
  EXPECT_EQ(worker.number_window, milliseconds(0));
}

TEST(GuardRules, MayActOnTheEndOfAProcess) {
  const GuardRules rules = parse_guard_rules(
      "folder = /f\n[a]\nuser = u\nwhen = exit failed\nwhen = memory-error\nwhen = addresses > 90%\ndo = "
      "snapshot\n[b]\nuser = u\nwhen = exit\nrun = /bin/true\n[c]\nuser = u\nwhen = exit\ndo = report\n"
      "record = 1min\n",
      "r");
  ASSERT_EQ(rules.rules.size(), 3u);
  EXPECT_EQ(rules.rules[0].triggers[0].kind, TriggerKind::kEnd);
  EXPECT_TRUE(rules.rules[0].triggers[0].failed);
  EXPECT_EQ(rules.rules[0].triggers[1].kind, TriggerKind::kMemoryError);
  EXPECT_EQ(rules.rules[0].triggers[2].kind, TriggerKind::kAddresses);
  EXPECT_EQ(rules.rules[0].triggers[2].percent, 90);
  EXPECT_FALSE(rules.rules[1].triggers[0].failed);
}

TEST(GuardRules, MayHaveCarriageReturnsAndNoEndOfTheLastLine) {
  EXPECT_EQ(parse_guard_rules("folder = /f\r\n[a]\r\nuser = u\r\nwhen = rss > 1B\r\ndo = snapshot", "r")
                .rules.size(),
            1u);
}

struct Typo {
  const char *text, *says, *hint;
};
// In a rule that is whole, so that each is the only fault.
constexpr Typo kInARule[] = {
    {"wehn = rss > 1GB", "rules:5: there is no key 'wehn' in a rule", "did you mean when"},
    {"folder = /g", "there is no key 'folder' in a rule", "it has group, pid"},
    {"when", "'when' is no line of rules", "key = value"},
    {"when =", "'when' has no value", "leave the line out"},
    {"when = memory 90%", "'when' is 'memory 90%'", "memory > 90%"},
    {"when = memory > 90", "'90' is no size", "memory > 90%"},
    {"when = memory > 100%", "the share is 1% to 99.9%", ""},
    {"when = memory > -5%", "the share is", ""},
    {"when = memory > nan%", "the share is", ""},
    {"when = memory > 5GB in 3s", "memory has no 'in'", ""},
    {"when = memry > 90%", "'when' is 'memry > 90%'", "'memory > 90%'"},
    {"when = event hihg", "an event is high, max or oom", ""},
    {"when = event", "an event is high, max or oom", ""},
    {"when = pressure > 150ms in 2s", "'when' is", "pressure some > 150ms in 2s"},
    {"when = pressure some > 150ms", "'' is no time", ""},
    {"when = pressure some > 3s in 2s", "waits longer than the time has", ""},
    {"when = pressure some > 10ms in 20s", "the kernel takes 500ms to 10s", ""},
    {"when = growth > 200MB", "'' is no time", "growth > 200MB in 10min"},
    {"when = growth > 200MB in 10ms", "at least 1s", ""},
    {"when = growth > 0B in 10min", "'0B' is no size", ""},
    {"when = rss > 2 G", "'2 G' is no size", ""},
    {"when = in 3s > 5", "'when' is", ""},
    {"when = exit faield", "write 'exit' or 'exit failed'", ""},
    {"when = exit failed now", "write 'exit' or 'exit failed'", ""},
    {"when = memory-error > 3", "'when' is", "'memory-error'"},
    {"when = addresses > 2GB", "it is a share", ""},
    {"when = addresses > 100%", "the share is 1% to 99.9%", ""},
    {"do = snapshot, repotr", "'do' has 'repotr'", "snapshot, report, diff or push"},
    {"do = snapshot,", "'do' has ''", ""},
    {"run = notify", "'run' begins with 'notify'", "absolute path"},
    {"values = some", "'values' is 'some'", "all, none, or how many bytes"},
    {"values = 99999999", "'values' is '99999999'", "0 to 1048576"},
    {"freeze = ice", "'freeze' is 'ice'", "auto, copy, precopy, fork or none"},
    {"pause = 0ms", "'pause' is '0ms'", "1ms to 1h"},
    {"pause = soon", "'pause' is 'soon', which is no time", "10min"},
    {"cooldown = 10 minutes", "'cooldown' is '10 minutes', which is no time", ""},
    {"cooldown = 1e400s", "which is no time", ""},
    {"cooldown = 10min\ncooldown = 5min", "rules:6: 'cooldown' is given a second time", "leave one"},
    {"number = many", "'number' is 'many'", "whole number"},
    {"number = 5 in a day", "'a day', which is no time", ""},
    {"number = 99999999999999999999", "'number' is '99999999999999999999'", ""},
    {"largest = 0", "'largest' is '0'", "from 1 to 1000"},
    {"time = 10ms", "'time' is '10ms'", "at least 1s"},
    {"name = a/b-%p-%S", "'name' is", "without /"},
    {"name = .x-%p-%S", "'name' is", "does not begin with a point"},
    {"name = x-%p", "by which two files could be one", "%S"},
    {"name = x-%q-%p-%S", "'name' has %q", "%r (rule)"},
    {"name = x-%p-%S%", "'name' has %", ""},
    {"pid = -1", "'pid' is '-1'", ""},
    {"record = 10ms", "'record' is '10ms'", "1s to 24h"},
    {"record = often", "'record' is 'often', which is no time", ""},
    {"record-disk = 5GB", "has 'record-disk' and records nothing", "record = 1min"},
    {"record = 1min\nrecord-disk = 5kB", "which is too little", ""},
    {"[b]\nuser = u\nrecord = 1min\ndo = snapshot", "the rule [b] has no 'when = ...'", ""},
    {"[b]\nuser = u\nrecord = 1min\nwhen = rss > 1B", "the rule [b] does nothing", ""},
    {"group = shop", "'group' is 'shop', which is no absolute path", "/"},
    {"[shop", "'[shop' has no ] at its end", "[name]"},
    {"[two words]", "the name of a rule is 'two words'", "letters"},
    {"[]", "the name of a rule is ''", ""},
    {"[a]", "there is a second rule [a]", "a name of its own"},
    {"[b]\nuser = u\nwhen = rss > 1B", "rules:6: the rule [b] does nothing", "do = snapshot"},
    {"[b]\nuser = u\ndo = snapshot", "the rule [b] has no 'when = ...'", "memory > 90%"},
    {"[b]\nwhen = rss > 1B\ndo = snapshot", "the rule [b] watches nothing", "group = DIRECTORY"},
    {"[b]\nuser = u\nwhen = memory > 5%\ndo = snapshot", "and no group to read it of", "rss or growth"},
    {"[b]\ngroup = /g\nwhen = exit\nrun = /bin/true", "watches groups, which have no 'exit'",
     "leave 'group' out"},
    {"[b]\nuser = u\nwhen = exit failed\ndo = report", "when it has no memory any more", "record = 1min"},
    {"[b]\nuser = u\nwhen = exit\nwhen = rss > 5MB\ndo = report", "when it has no memory any more", ""},
    {"[b]\ngroup = /g\nwhen = rss > 5MB\ndo = snapshot", "watches groups, which have no 'rss'",
     "memory > 5MB"},
    {"[b]\nuser = u\nwhen = rss > 5MB\ndo = diff", "keeps no snapshot to compare with", "snapshot, diff"},
    {"x\x1b[31m = 1", "there is no key 'x\\x1b[31m'", ""},
};

TEST(GuardRules, NameWhatIsWrongAndWhatIsAllowed) {
  for (const Typo& each : kInARule) {
    const std::string line = std::string(each.text) + "\n", act = "do = report\n";
    const std::string text =
        "folder = /f\n[a]\nuser = u\nwhen = rss > 1GB\n" + (line[0] == '[' ? act + line : line + act);
    try {
      parse_guard_rules(text, "rules");
      ADD_FAILURE() << each.text << " is taken";
    } catch (const Error& error) {
      const std::string what = error.what();
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_TRUE(what.starts_with("rules:")) << what;
      EXPECT_NE(what.find(each.says), std::string::npos) << each.text << ": " << what;
      EXPECT_NE(error.hint().find(each.hint), std::string::npos) << each.text << ": " << error.hint();
      EXPECT_NE(error.hint(), "") << each.text;
      EXPECT_EQ((what + error.hint()).find_first_of("\n\x1b"), std::string::npos);
    }
  }
}

TEST(GuardRules, NameWhatIsWrongAboveTheRules) {
  constexpr Typo kAbove[] = {
      {"", "there is no line 'folder = DIRECTORY'", "above the first [rule]"},
      {"folder = /f", "there is no rule", "[name]"},
      {"folder = f", "'folder' is 'f', which is no absolute path", "/"},
      {"foldr = /f", "rules:1: there is no key 'foldr' above the first [rule]", "did you mean folder"},
      {"folder = /f\ndisk = 5kB", "rules:2: 'disk' is '5kB', which is too little", "1000000B"},
      {"folder = /f\ndisk = much", "'disk' is 'much', which is no size", "500MB"},
      {"folder = /f\nat-once = 40", "'at-once' is '40'", "1 to 16"},
      {"folder = /f\ngauge = /x/y.txt", "'gauge' is '/x/y.txt'", ".prom"},
      {"when = rss > 1B", "there is no key 'when' above the first [rule]", "folder, disk"},
  };
  for (const Typo& each : kAbove) try {
      parse_guard_rules(each.text, "rules");
      ADD_FAILURE() << each.text << " is taken";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(each.says), std::string::npos) << error.what();
      EXPECT_NE(error.hint().find(each.hint), std::string::npos) << error.hint();
    }
}

TEST(GuardRules, AreNotReadFromWhatIsNoText) {
  EXPECT_THROW(parse_guard_rules(std::string("folder = /f\0x\n[a]\n", 18), "r"), Error);
  EXPECT_THROW(parse_guard_rules(std::string(2 << 20, '\n'), "r"), Error);
  EXPECT_THROW(parse_guard_rules(std::string(1000, '\xff'), "r"), Error);
}

TEST(GuardRules, SizesAndTimes) {
  EXPECT_EQ(parse_size("2GB"), 2'000'000'000u);
  EXPECT_EQ(parse_size("1.5 KiB"), 1536u);
  EXPECT_EQ(parse_size("2"), std::nullopt);
  EXPECT_EQ(parse_size("9999999TB"), std::nullopt);
  EXPECT_EQ(parse_duration("1.5h"), milliseconds(5'400'000));
  EXPECT_EQ(parse_duration("10"), std::nullopt);
}

}  // namespace
}  // namespace heapglass
