#include "lib/guard/ledger.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace heapglass {
namespace {

Monotonic s(int seconds) { return Monotonic(seconds * 1000); }

GuardRule rule_of(Monotonic cooldown, std::uint64_t number, Monotonic window) {
  GuardRule rule;
  rule.name = "shop";
  rule.cooldown = cooldown;
  rule.number = number;
  rule.number_window = window;
  return rule;
}

TEST(Ledger, CooldownIsOfEachSubject) {
  const GuardRule rule = rule_of(s(600), 0, s(0));
  Ledger ledger("boot");
  EXPECT_EQ(ledger.refusal(rule, "/a", s(1000)), "");
  ledger.acted(rule, "/a", s(1000));
  EXPECT_EQ(ledger.refusal(rule, "/a", s(1300)), "its cooldown lasts 5 min 0 s more");
  EXPECT_EQ(ledger.refusal(rule, "/b", s(1300)), "");
  EXPECT_EQ(ledger.refusal(rule, "/a", s(1601)), "");
}

TEST(Ledger, NumberIsWithinItsWindow) {
  const GuardRule rule = rule_of(s(0), 2, s(3600));
  Ledger ledger("boot");
  ledger.acted(rule, "/a", s(1000));
  ledger.acted(rule, "/a", s(2000));
  EXPECT_NE(ledger.refusal(rule, "/a", s(3000)).find("acted 2 times in"), std::string::npos)
      << ledger.refusal(rule, "/a", s(3000));
  EXPECT_EQ(ledger.refusal(rule, "/a", s(4700)), "");
  const GuardRule for_ever = rule_of(s(0), 2, s(0));
  EXPECT_NE(ledger.refusal(for_ever, "/a", s(1'000'000)), "");
}

TEST(Ledger, WhatCameToNothingIsTakenBack) {
  const GuardRule rule = rule_of(s(600), 1, s(0));
  Ledger ledger("boot");
  ledger.acted(rule, "/a", s(1000));
  ledger.take_back("shop", "/a");
  ledger.take_back("shop", "/a");
  EXPECT_EQ(ledger.refusal(rule, "/a", s(1001)), "");
}

TEST(Ledger, OutlivesGuardWithAnyName) {
  const GuardRule rule = rule_of(s(600), 5, s(0));
  Ledger ledger("boot");
  const std::string odd = "/a b\n\x01%41\xff";
  ledger.acted(rule, odd, s(1000));
  ledger.wrote({"shop", odd, "shop-1.hg", true});
  ledger.wrote({"shop", odd, "shop-1.html", false});
  ledger.wrote({"shop", odd, "shop-2-record.hg", false, true});
  const std::string text = ledger.text();
  EXPECT_EQ(text.find('\x01'), std::string::npos);
  const Ledger again = Ledger::parse(text, "boot", "state");
  EXPECT_EQ(again.text(), text);
  EXPECT_NE(again.refusal(rule, odd, s(1001)), "");
  EXPECT_EQ(again.newest_snapshot("shop", odd), "shop-1.hg");
  ASSERT_EQ(again.files().size(), 3u);
  EXPECT_TRUE(again.files()[2].is_record);
}

TEST(Ledger, ARecordThatIsKeptIsNoneAnyMore) {
  Ledger ledger("boot");
  EXPECT_EQ(ledger.newest("shop", "/a"), "");
  ledger.wrote({"shop", "/a", "1.hg", true});
  ledger.wrote({"shop", "/a", "2-record.hg", false, true});
  ledger.wrote({"shop", "/a", "2.html", false});
  ledger.wrote({"shop", "/b", "3.hg", true});
  EXPECT_EQ(ledger.newest("shop", "/a"), "2-record.hg");
  ledger.keep("2-record.hg");
  EXPECT_EQ(ledger.newest_snapshot("shop", "/a"), "1.hg") << "diffs do not compare with it";
  EXPECT_FALSE(Ledger::parse(ledger.text(), "boot", "state").files()[1].is_record);
}

TEST(Ledger, TimesOfAnotherBootAreForgottenAndFilesAreNot) {
  const GuardRule rule = rule_of(s(600), 5, s(0));
  Ledger ledger("boot");
  ledger.acted(rule, "/a", s(1000));
  ledger.wrote({"shop", "/a", "shop-1.hg", true});
  const Ledger again = Ledger::parse(ledger.text(), "another", "state");
  EXPECT_EQ(again.refusal(rule, "/a", s(1001)), "");
  EXPECT_EQ(again.newest_snapshot("shop", "/a"), "shop-1.hg");
}

// A clock cannot have gone back: such a time is no reason to do nothing for as long as it is ahead.
TEST(Ledger, TimesAheadOfTheClockDoNotCount) {
  const GuardRule rule = rule_of(s(600), 1, s(0));
  Ledger ledger("boot");
  ledger.acted(rule, "/a", s(1'000'000));
  EXPECT_EQ(ledger.refusal(rule, "/a", s(5)), "");
}

TEST(Ledger, PruneForgetsWhatNoLimitNeeds) {
  GuardRules rules;
  rules.rules = {rule_of(s(60), 5, s(3600))};
  Ledger ledger("boot");
  ledger.acted(rules.rules[0], "/a", s(1000));
  ledger.prune(rules, s(2000));
  EXPECT_NE(ledger.text().find("acted"), std::string::npos);
  ledger.prune(rules, s(9000));
  EXPECT_EQ(ledger.text().find("acted"), std::string::npos);
}

TEST(Ledger, RefusesWhatGuardDidNotWrite) {
  const std::string head = "heapglass-guard 1\nboot b\n";
  for (const std::string& text : {std::string(),
                                  std::string("\n"),
                                  std::string("heapglass-guard 2\nboot b\n"),
                                  std::string("heapglass-guard 1\n"),
                                  std::string("heapglass-guard 1\nboot"),
                                  head + "acted a",
                                  head + "acted a b 1x\n",
                                  head + "acted a b -1\n",
                                  head + "acted a b 99999999999999999999\n",
                                  head + "acted a b 9223372036854775807\n",
                                  head + "acted %4 b 1\n",
                                  head + "acted %zz b 1\n",
                                  head + "acted  b 1\n",
                                  head + "file a b ../x\n",
                                  head + "file a b .x\n",
                                  head + "file a b /etc/passwd\n",
                                  head + "file a b %2Fetc\n",
                                  head + "file a b\n",
                                  head + "snapshot a b c d\n",
                                  head + "acted a %00 1\n",
                                  head + "remove all\n",
                                  std::string(100, '\xff') + "\n"})
    try {
      Ledger::parse(text, "b", "/f/guard.state");
      ADD_FAILURE() << text << " is taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFile);
      EXPECT_NE(std::string(error.what()).find("the state '/f/guard.state' cannot be used: line"),
                std::string::npos);
      EXPECT_NE(error.hint(), "");
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
}

}  // namespace
}  // namespace heapglass
