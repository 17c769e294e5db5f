#include "lib/report/walk_answers.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(Question, IsDecodedOnce) {
  const WalkQuestion question = parse_question("/objects?where=size+%3E%201MB&type=a%26b%253d&limit=5");
  EXPECT_EQ(question.path, "/objects");
  ASSERT_NE(question.find("where"), nullptr);
  EXPECT_EQ(*question.find("where"), "size > 1MB");
  EXPECT_EQ(*question.find("type"), "a&b%3d");
  EXPECT_EQ(*question.find("limit"), "5");
  EXPECT_EQ(question.find("sort"), nullptr);
}

TEST(Answer, IsOfATargetThatIsThere) {
  // The target is looked for before anything is asked of it.
  const std::vector<const WalkedHeap*> both{nullptr, nullptr};
  for (const char* const letter : {"C", "", "AB", "a", "@"}) {
    const WalkAnswer answer = answer_walk(both, parse_question(std::string("/names?in=") + letter));
    EXPECT_EQ(answer.status, 400) << letter;
    EXPECT_NE(answer.body.find("use A or B"), std::string::npos) << answer.body;
  }
}

TEST(Question, OfAnyBytesIsOne) {
  EXPECT_EQ(parse_question("").path, "");
  EXPECT_EQ(parse_question("?").parameters.size(), 0u);
  EXPECT_EQ(*parse_question("/x?a=%&b=%4&c=%zz&=d&e").find("c"), "%zz");
  EXPECT_EQ(*parse_question("/x?e").find("e"), "");
  EXPECT_EQ(*parse_question("/x?a=1&a=2").find("a"), "1");
  std::string many = "/x?";
  for (int i = 0; i < 1000; ++i) many += "p" + std::to_string(i) + "=1&";
  EXPECT_LE(parse_question(many).parameters.size(), 16u);
}

}  // namespace
}  // namespace heapglass
