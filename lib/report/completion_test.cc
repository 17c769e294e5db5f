#include "lib/report/completion.h"

#include <gtest/gtest.h>

#include "lib/report/man_page.h"

namespace heapglass {
namespace {

CompletionTables tables() {
  CompletionTables tables;
  tables.commands = {{"histogram", "objects and bytes by type"}, {"leaks", "leak suspects"}};
  tables.topics = {{"cron", ""}};
  tables.describe = [](const std::string& name) {
    CommandDescription command{
        .name = name, .summary = "", .operands = {"TARGET"}, .more_targets = false, .options = {}};
    command.options = {
        {.name = "limit", .letter = "n", .takes = "N", .help = "", .choices = {}},
        {.name = "type", .letter = "", .takes = "NAME", .help = "", .choices = {}, .repeated = true},
        {.name = "sort", .letter = "", .takes = "KEY", .help = "", .choices = {"bytes", "count"}},
        {.name = "output", .letter = "o", .takes = "FILE", .help = "", .choices = {}},
        {.name = "urgent", .letter = "", .takes = "", .help = "", .choices = {}}};
    command.more_targets = name == "leaks";
    return command;
  };
  tables.processes = [] { return std::vector<Candidate>{{"4711", "python3 app.py"}, {"4822", ""}}; };
  return tables;
}

// "4711 4822 :files"
std::string words_for(const std::vector<std::string>& typed) {
  const Completion completion = complete(typed, tables());
  std::string words;
  for (const Candidate& each : completion.candidates) words += (words.empty() ? "" : " ") + each.word;
  return words + (completion.files ? " :files" : "");
}

TEST(Completion, OffersCommandsFirst) {
  EXPECT_EQ(words_for({"h"}), "histogram help");
  EXPECT_EQ(words_for({"help", ""}), "histogram leaks cron");
  EXPECT_EQ(words_for({"nothing", ""}), "");
}

TEST(Completion, OffersProcessesAndFilesAsTarget) {
  EXPECT_EQ(words_for({"histogram", "47"}), "4711 :files");
  EXPECT_EQ(words_for({"histogram", "4711", ""}), "") << "it takes one";
  EXPECT_EQ(words_for({"leaks", "4711", ""}), "4711 4822 :files");
  EXPECT_EQ(words_for({"histogram", "--limit", "3", "--urgent", ""}), "4711 4822 :files");
  EXPECT_EQ(words_for({"histogram", "-n3", ""}), "4711 4822 :files");
}

TEST(Completion, OffersOptionsThatAreNotYetGiven) {
  EXPECT_EQ(words_for({"histogram", "--limit", "3", "--type", "a", "-"}), "--type --sort --output --urgent");
  EXPECT_EQ(words_for({"histogram", "--li"}), "--limit");
}

TEST(Completion, OffersTheWordsOfAnOption) {
  EXPECT_EQ(words_for({"histogram", "--sort", ""}), "bytes count");
  EXPECT_EQ(words_for({"histogram", "--sort", "c"}), "count");
  EXPECT_EQ(words_for({"histogram", "--sort=c"}), "--sort=count");
  EXPECT_EQ(words_for({"histogram", "--limit", ""}), "");
  EXPECT_EQ(words_for({"histogram", "-o", ""}), " :files");
}

TEST(Completion, SeesThroughTheWordsOfBash) {
  EXPECT_EQ(words_for({"histogram", "--sort", "="}), "bytes count");
  EXPECT_EQ(words_for({"histogram", "--sort", "=", "c"}), "count");
  EXPECT_EQ(words_for({"histogram", "--sort", "=", "count", ""}), "4711 4822 :files");
}

TEST(Completion, PrintsOneLineForEachCandidateWhateverItsText) {
  const Completion completion{{{"4711", "python3 \x1b]0;x\a\nfoo\tbar"}}, true};
  EXPECT_EQ(completion_lines(completion), "4711\tpython3 \\x1b]0;x\\x07\\nfoo\\tbar\n:files\n");
}

TEST(ManPage, EscapesWhatRoffWouldTake) {
  CommandDescription command{
      .name = "x", .summary = ".sum'mary", .operands = {}, .more_targets = false, .options = {}};
  command.options = {{.name = "a-b", .letter = "", .takes = "N", .help = "'c\\d-", .choices = {}}};
  const std::string page = man_page(command, "1.0");
  EXPECT_NE(page.find("\\fB\\-\\-a\\-b\\fR \\fIN\\fR\n\\&\\(aqc\\ed\\-\n"), std::string::npos) << page;
  EXPECT_NE(page.find("heapglass\\-x \\- \\&.sum\\(aqmary\n"), std::string::npos) << page;
}

}  // namespace
}  // namespace heapglass
