#include "lib/expression/expression.h"

#include <gtest/gtest.h>

#include <map>

#include "lib/base/type_name.h"

namespace heapglass {
namespace {

// A heap of a few objects, by address.
struct Heap final : ExpressionObjects {
  struct Object {
    std::string type = "app.Session";
    std::map<ExpressionField, ExpressionValue> fields = {};
    ExpressionValue value = {};
    std::map<std::string, std::uint64_t> attributes = {};
    std::map<std::string, std::uint64_t> items = {};
    std::vector<std::string> bases = {};
  };
  std::map<std::uint64_t, Object> objects;

  const Object& at(Address a) const { return objects.at(heapglass::value(a)); }
  ExpressionValue field(Address a, ExpressionField f) const override {
    if (f == ExpressionField::kType) return at(a).type;
    const auto found = at(a).fields.find(f);
    return found == at(a).fields.end() ? ExpressionValue() : found->second;
  }
  bool is_instance(Address a, std::string_view type) const override {
    bool is = type_matches(at(a).type, type);
    for (const std::string& base : at(a).bases) is |= type_matches(base, type);
    return is;
  }
  ExpressionValue value(Address a) const override {
    return std::holds_alternative<std::monostate>(at(a).value) ? ExpressionValue(a) : at(a).value;
  }
  Address attribute(Address a, std::string_view name) const override {
    const auto found = at(a).attributes.find(std::string(name));
    return Address{found == at(a).attributes.end() ? 0 : found->second};
  }
  Address item(Address a, const ExpressionValue& key) const override {
    const auto* text = std::get_if<std::string>(&key);
    const auto* number = std::get_if<std::int64_t>(&key);
    const auto found = at(a).items.find(text ? *text : number ? std::to_string(*number) : "?");
    return Address{found == at(a).items.end() ? 0 : found->second};
  }
};

using F = ExpressionField;

Heap heap() {
  Heap h;
  h.objects[1] = {
      .fields = {{F::kSize, 1500},
                 {F::kRefcount, 3},
                 {F::kTracked, true},
                 {F::kModule, "app"},
                 {F::kId, 1},
                 {F::kRepr, "Session of bob"}},
      .attributes = {{"user", 2}, {"retries", 4}, {"parent", 5}, {"ratio", 6}, {"data", 7}, {"flag", 9}},
      .bases = {"app.Base", "builtins.object"}};
  h.objects[2] = {.type = "app.User", .attributes = {{"name", 3}}};
  h.objects[3] = {.type = "builtins.str", .value = "bob"};
  h.objects[4] = {.type = "builtins.int", .value = 3};
  h.objects[5] = {.type = "builtins.NoneType", .value = ExpressionNone{}};
  h.objects[6] = {.type = "builtins.float", .value = 2.5};
  h.objects[7] = {.type = "builtins.dict", .fields = {{F::kLength, 2}}, .items = {{"key", 8}, {"0", 4}}};
  h.objects[8] = {.type = "builtins.bytes", .value = ExpressionBytes{"raw"}};
  h.objects[9] = {.type = "builtins.bool", .value = false};
  return h;
}

bool holds(const std::string& text, std::uint64_t object = 1) {
  static const Heap h = heap();
  return Expression::parse(text, "--where").matches(h, Address{object});
}

struct Case {
  const char* text;
  bool holds;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }
class OfASession : public testing::TestWithParam<Case> {};

TEST_P(OfASession, IsAsItSays) { EXPECT_EQ(holds(GetParam().text), GetParam().holds) << GetParam().text; }

INSTANTIATE_TEST_SUITE_P(
    Expression, OfASession,
    testing::Values(
        // types by the rule of --type
        Case{"type == Session", true}, Case{"type == app.Session", true}, Case{"type == 'Session'", true},
        Case{"type == pp.Session", false}, Case{"type == Sess", false}, Case{"type != app.Session", false},
        Case{"app.Session == type", true}, Case{"type in (dict, app.Session)", true},
        Case{"type in [dict, list]", false}, Case{"type not in (dict, list,)", true},
        Case{"type in ()", false}, Case{"type ~ 'app.*'", true}, Case{"type ~ 'ess'", true},
        Case{"type ~ 'pp.*'", false}, Case{"type !~ '*.User'", true}, Case{"module == app", true},
        Case{"module == 'app'", true}, Case{"is app.Base", true}, Case{"is object", true},
        Case{"is not dict", true}, Case{"is User", false}, Case{"self is Base", true},
        Case{".user is app.User", true}, Case{".user is not app.User", false},
        // numbers and units
        Case{"size > 1kB", true}, Case{"size > 1.5 kB", false}, Case{"size < 2 KiB and tracked", true},
        Case{"size >= 1500", true}, Case{"size >= 1.5k", true}, Case{"size < 1KiB", false},
        Case{"size < 2KiB", true}, Case{"size == 0x5dc", true}, Case{"1kB < size <= 1500B", true},
        Case{"1kB < size < 1.2kB", false}, Case{"size > -1", true}, Case{"refcount in (1, 2, 3)", true},
        Case{"size > 1e3", true},
        // what is not known makes a comparison false, either way round
        Case{"length > 0", false}, Case{"length <= 0", false}, Case{"length != 3", false},
        Case{"not length > 0", true}, Case{"retained > 1", false}, Case{".nothing == 1", false},
        Case{".nothing != 1", false}, Case{".nothing", false}, Case{"not .nothing", true},
        Case{".nothing.more is None", false}, Case{".nothing in (1, 2)", false},
        // attributes and items
        Case{".user.name == 'bob'", true}, Case{"self.user.name == \"bob\"", true},
        Case{".user.name == 'bo'", false}, Case{".user.name ~ 'b?b'", true}, Case{".user.name ~ 'o'", true},
        Case{".retries >= 3 and .retries < 4", true}, Case{".retries == 3.0", true},
        Case{".retries > 2.5", true}, Case{".ratio == 2.5", true}, Case{".ratio > 2", true},
        Case{".parent is None", true}, Case{".parent == None", true}, Case{".user is None", false},
        Case{".user is not None", true}, Case{".data['key'] == b'raw'", true},
        Case{".data['none'] == b'raw'", false}, Case{".data[0] == 3", true}, Case{"'key' in .data", true},
        Case{"'nokey' in .data", false}, Case{"'nokey' not in .data", true},
        Case{"b'a' in .data['key']", true}, Case{".flag == False", true}, Case{".flag", false},
        Case{".data", true}, Case{".user", true}, Case{".user.name < 'c'", true},
        Case{".retries == 'bob'", false}, Case{".user == 2", true},  // an object by its id
        // texts
        Case{"'bob' in repr", true}, Case{"'alice' in repr", false}, Case{"repr ~ 'Session of *'", true},
        Case{"repr == 'Session of bob'", true}, Case{"'\\x62ob' in repr", true},
        // joining
        Case{"tracked", true}, Case{"gc", true}, Case{"not tracked", false}, Case{"not not tracked", true},
        Case{"tracked == True", true}, Case{"tracked and size > 1MB", false},
        Case{"tracked or size > 1MB", true}, Case{"size > 1MB or tracked and not .flag", true},
        Case{"(size > 1MB or tracked) and .flag", false}, Case{"! (size > 1MB) && tracked || .flag", true},
        Case{"True", true}, Case{"False or\n\ttracked", true}));

struct Wrong {
  const char* text;
  const char* says;
  std::size_t column;  // of the caret, from 1
};
void PrintTo(const Wrong& w, std::ostream* out) { *out << w.text; }
class WrongText : public testing::TestWithParam<Wrong> {};

TEST_P(WrongText, IsRefusedAtItsPlace) {
  try {
    (void)Expression::parse(GetParam().text, "--where");
    ADD_FAILURE() << GetParam().text << " was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    const std::string what = error.what();
    EXPECT_EQ(what.rfind("--where: ", 0), 0u) << what;
    EXPECT_NE((what + error.hint()).find(GetParam().says), std::string::npos)
        << what << " (" << error.hint() << ")";
    EXPECT_NE(what.find("column " + std::to_string(GetParam().column)), std::string::npos) << what;
    const std::string& detail = error.detail();
    const std::string caret = detail.substr(detail.rfind('\n') + 1);
    EXPECT_EQ(caret, std::string(GetParam().column - 1, ' ') + "^") << detail;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Expression, WrongText,
    testing::Values(Wrong{"", "an expression is expected", 1}, Wrong{"size >", "not the end", 7},
                    Wrong{"sise > 3", "size", 1}, Wrong{"size > 10XB", "'XB' is no unit", 10},
                    Wrong{"size = 3", "==", 6}, Wrong{"type == 'abc", "closing quote", 9},
                    Wrong{"(tracked", "')' is expected", 9}, Wrong{"tracked)", "'and', 'or' or the end", 8},
                    Wrong{"size > 'abc'", "a number", 6}, Wrong{"size ~ 'abc'", "pattern", 6},
                    Wrong{"type", "a comparison is expected", 5}, Wrong{"type > 3", "a text", 6},
                    Wrong{"3", "a comparison is expected", 2}, Wrong{".user == bob", "'bob'", 10},
                    Wrong{"user == 3", ".user", 1}, Wrong{".a[1.5] == 1", "a key is", 4},
                    Wrong{"type in (1)", "a text", 6}, Wrong{"type in (1", "')' is expected", 11},
                    Wrong{"size in 3", "a list or a text", 6}, Wrong{"type is", "the name of a type", 8},
                    Wrong{"größe > 3", "größe", 1}, Wrong{".größe = 3", "==", 8},
                    Wrong{"tracked > ", "not the end", 11}, Wrong{"and", "'and'", 1},
                    Wrong{"size > 99999999999999999999999999x", "no unit", 34},
                    Wrong{"'\\xg1' in repr", "\\x", 3}, Wrong{"size > 0x", "hexadecimal", 8},
                    Wrong{"tracked == 1", "true or false", 9}));

TEST(Expression, PointsIntoTheRightLine) {
  try {
    (void)Expression::parse("size > 3 and\n  sise > 4 and\n tracked", "--filter");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("line 2, column 3"), std::string::npos) << error.what();
    EXPECT_EQ(error.detail(), "  sise > 4 and\n  ^");
  }
}

TEST(Expression, NestsOnlySoDeep) {
  const std::string deep = std::string(5000, '(') + "tracked" + std::string(5000, ')');
  EXPECT_THROW((void)Expression::parse(deep, "--where"), Error);
  EXPECT_TRUE(holds(std::string(40, '(') + "tracked" + std::string(40, ')')));
  std::string many = "tracked";
  for (int i = 0; i < 5000; ++i) many += " and tracked";
  EXPECT_TRUE(holds(many));
  EXPECT_THROW((void)Expression::parse(std::string(1 << 17, ' '), "--where"), Error);
}

TEST(Expression, KnowsWhatItUses) {
  EXPECT_TRUE(Expression::parse("tracked and not (retained > 1MB)", "").uses(F::kRetained));
  EXPECT_FALSE(Expression::parse("size > 1MB and .retained > 3", "").uses(F::kRetained));
}

TEST(Expression, HelpsWithExamplesThatParse) {
  const std::string help = expression_help();
  std::size_t examples = 0;
  for (std::size_t at = 0; at < help.size(); at = help.find('\n', at) + 1) {
    const std::string line = help.substr(at, help.find('\n', at) - at);
    if (line.rfind("Fields", 0) == 0) break;
    if (line.rfind("  ", 0) != 0) continue;
    const std::string example = line.substr(2, line.find("   ", 2) - 2);
    EXPECT_NO_THROW((void)Expression::parse(example, "--where")) << example;
    ++examples;
  }
  EXPECT_GE(examples, 8u);
}

TEST(Expression, OffersWordsThatItKnows) {
  const std::vector<ExpressionWord> words = expression_words();
  for (const ExpressionWord& each : words) {
    const std::string word(each.word);
    // Each alone, as a comparison, in front of a field, between two, or behind one.
    const bool is_known = [&] {
      for (const std::string& text :
           {word, word + " == 1", word + " == 'x'", "type " + word + " None", word + " tracked",
            "tracked " + word + " gc", "type " + word + " (dict, list)", "self is " + word}) {
        try {
          (void)Expression::parse(text, "");
          return true;
        } catch (const Error&) {
        }
      }
      return false;
    }();
    EXPECT_TRUE(is_known) << word;
  }
  for (const char* const needed : {"type", "retained", "self", "and", "not", "is"})
    EXPECT_TRUE(std::any_of(words.begin(), words.end(), [&](const auto& each) {
      return each.word == needed;
    })) << needed;
}

TEST(TextMatches, StarsAndQuestionMarks) {
  EXPECT_TRUE(text_matches("a*c*e", "abcde"));
  EXPECT_FALSE(text_matches("a*c*f", "abcde"));
  EXPECT_TRUE(text_matches("[a-c]?[!x]", "bzy"));
  EXPECT_FALSE(text_matches("[a-c]?[!x]", "bzx"));
  EXPECT_TRUE(text_matches("*", ""));
  EXPECT_TRUE(text_matches("", "anything"));
  EXPECT_TRUE(text_matches("[", "[") && text_matches("*[", "a["));
  // What makes naive matching run for years.
  EXPECT_FALSE(text_matches("*a*a*a*a*a*a*a*a*a*a*b", std::string(20000, 'a')));
}

}  // namespace
}  // namespace heapglass
