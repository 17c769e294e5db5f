#include "lib/snapshot/content_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

namespace heapglass {
namespace {

std::string written(Fate fate) {
  switch (fate) {
    case Fate::kKept:
      return "kept";
    case Fate::kBeginning:
      return "the first N bytes";
    case Fate::kAddresses:
      return "addresses of objects; 0 for others";
    case Fate::kCount:
      return "the number of digits";
    case Fate::kZero:
      return "0";
    case Fate::kHidden:
      return "not there";
  }
  return "";
}

std::string written(Exempt exempt) {
  switch (exempt) {
    case Exempt::kNone:
      return "";
    case Exempt::kNames:
      return ", but of names";
    case Exempt::kCodeTables:
      return ", but of tables of code";
    case Exempt::kThreadNumbers:
      return ", but of numbers of threads";
    case Exempt::kKnownNumbers:
      return ", but of numbers of threads and of fields";
  }
  return "";
}

TEST(ContentRules, SayEachThingOnce) {
  std::set<std::pair<Subject, Part>> all;
  for (const ContentRule& rule : content_rules()) {
    EXPECT_TRUE(all.emplace(rule.of, rule.part).second) << rule.whose << ": " << rule.bytes;
    EXPECT_FALSE(rule.whose.empty() || rule.bytes.empty() || rule.why.empty());
    EXPECT_EQ(rules_of(static_cast<std::uint16_t>(rule.of)) >> (&rule - content_rules().data()) & 1, 1u);
    // What is kept needs no exemption, and nothing cuts what is hidden without a cut.
    const bool hides = rule.redacted == Fate::kHidden || rule.redacted == Fate::kCount;
    EXPECT_TRUE(hides || rule.exempt == Exempt::kNone) << rule.whose;
    EXPECT_NE(rule.redacted, Fate::kBeginning) << rule.whose;
    EXPECT_NE(rule.cut, Fate::kHidden) << rule.whose;
  }
  EXPECT_EQ(all.size(), content_rules().size());
  std::set<std::string_view> fields;
  for (const NameRule& rule : name_rules()) {
    EXPECT_TRUE(fields.insert(rule.field).second) << rule.field;
    EXPECT_TRUE(rule.as == Exempt::kNames || rule.as == Exempt::kCodeTables) << rule.field;
  }
}

// docs/design/snapshot-format.md has the rules as they are.
TEST(ContentRules, AreDescribed) {
  std::ifstream file(HEAPGLASS_SOURCE_DIR "/docs/design/snapshot-format.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  std::string table;
  for (const ContentRule& rule : content_rules())
    table += "| " + std::string(rule.whose) + " | " + std::string(rule.bytes) + " | " + written(rule.cut) +
             " | " + written(rule.redacted) + written(rule.exempt) + " | " + std::string(rule.why) + " |\n";
  EXPECT_NE(page.find(table), std::string::npos) << "the page has to have:\n" << table;
  std::string names;
  for (const NameRule& rule : name_rules())
    names += (names.empty() ? "`" : ", `") + std::string(rule.field) + "`";
  std::string in_a_line = page;
  std::replace(in_a_line.begin(), in_a_line.end(), '\n', ' ');
  EXPECT_NE(in_a_line.find(names), std::string::npos) << "the page has to have:\n" << names;
}

TypeInfo type_of(std::uint64_t flags, std::string name = "app.Class") {
  TypeInfo type;
  type.name = std::move(name);
  type.flags = flags;
  return type;
}

TEST(ContentRules, KnowTheFieldsThatHaveNames) {
  EXPECT_EQ(named_by(type_of(kTpTypeSubclass)), static_cast<std::uint8_t>(NamedBy::kClass));
  EXPECT_EQ(named_by(type_of(0, "builtins.function")), static_cast<std::uint8_t>(NamedBy::kFunction));
  EXPECT_EQ(named_by(type_of(0, "builtins.coroutine")), static_cast<std::uint8_t>(NamedBy::kGenerator));
  EXPECT_EQ(named_by(type_of(0, "builtins.getset_descriptor")),
            static_cast<std::uint8_t>(NamedBy::kDescriptor));
  EXPECT_EQ(named_by(type_of(kTpUnicodeSubclass, "builtins.str")), 0u);
}

}  // namespace
}  // namespace heapglass
