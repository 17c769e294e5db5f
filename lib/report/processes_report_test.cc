#include "lib/report/processes_report.h"

#include <gtest/gtest.h>

#include <sstream>

namespace heapglass {
namespace {

ProcessAnswer answer(std::int32_t pid, std::uint64_t pss) {
  ProcessAnswer out;
  out.pid = pid;
  out.pss = pss;
  out.rss = pss;
  out.command = "app";
  return out;
}

std::string written(const ProcessesReport& report, std::string_view format) {
  std::ostringstream out;
  write_processes(report, format, {}, out);
  return out.str();
}

TEST(Outlier, IsWhatHasFarMoreThanTheOthers) {
  std::vector<ProcessAnswer> workers;
  for (int i = 0; i < 7; ++i) workers.push_back(answer(100 + i, 50'000'000 + 100'000 * i));
  EXPECT_EQ(outlier_among(workers), "");
  workers.push_back(answer(200, 180'000'000));
  EXPECT_EQ(outlier_among(workers),
            "process 200 stands out: its Pss is 180 MB, where the others have 50.3 MB in the middle");
  // The suspect says more than the size.
  for (ProcessAnswer& each : workers) each.facts.suspects = {{"app.cache (unbounded-cache)", 1'000'000}};
  workers.back().facts.suspects[0].bytes = 120'000'000;
  EXPECT_EQ(outlier_among(workers),
            "process 200 stands out: its worst suspect, app.cache (unbounded-cache), has 120 MB, where the "
            "others have 1.00 MB in the middle");
}

TEST(Outlier, IsNoneAmongThoseThatDifferAnyway) {
  std::vector<ProcessAnswer> workers;
  for (int i = 1; i <= 8; ++i) workers.push_back(answer(i, 30'000'000u * static_cast<unsigned>(i)));
  EXPECT_EQ(outlier_among(workers), "");
  workers = {answer(1, 1'000'000), answer(2, 1'000'000), answer(3, 900'000'000)};  // too few
  EXPECT_EQ(outlier_among(workers), "");
}

TEST(Outlier, IsSoughtAmongTheWorkersAndNotTheirMaster) {
  std::vector<ProcessAnswer> family{answer(1, 900'000'000)};
  for (int i = 2; i < 8; ++i) {
    family.push_back(answer(i, 50'000'000));
    family.back().master = 1;
  }
  EXPECT_EQ(outlier_among(family), "");
  family[3].pss = 300'000'000;
  EXPECT_NE(outlier_among(family).find("process 4 stands out"), std::string::npos);
  family[3].why = "it was not read";
  EXPECT_EQ(outlier_among(family), "");
}

TEST(Facts, AreTheSameOnTheOtherSide) {
  ProcessFacts facts;
  facts.objects = 12;
  facts.suspects = {{"app.cache\nline (x)", 7}, {"b", 0}};
  facts.largest = NamedBytes{"builtins.dict", 99};
  const ProcessFacts read = decode_facts(encode(facts));
  EXPECT_EQ(read.objects, 12u);
  ASSERT_EQ(read.suspects.size(), 2u);
  EXPECT_EQ(read.suspects[0].name, "app.cache\\nline (x)");  // what a line ends with is spelled out
  EXPECT_EQ(read.suspects[0].bytes, 7u);
  EXPECT_EQ(read.largest->name, "builtins.dict");
  for (const char* damaged :
       {"", "s", "s \n", "sx 7\n", "s99999999999999999999 a\n", "z1 a\n", "\n\n", "o"}) {
    const ProcessFacts none = decode_facts(damaged);
    EXPECT_FALSE(none.objects) << damaged;
    EXPECT_TRUE(none.suspects.empty()) << damaged;
  }
}

TEST(ProcessesReport, CsvHasTheProcessBeforeEachRow) {
  ProcessesReport report;
  report.answers = {answer(1, 10), answer(2, 10), answer(3, 10)};
  report.answers[0].out = "type,name\r\nint,\"a\r\n\"\"b,\"\r\n";
  report.answers[1].out = "type,name\r\nstr,c\r\n";
  report.answers[2].out = "type,name,more\r\nstr,c,d\r\n";
  EXPECT_EQ(
      written(report, "csv"),
      "process,type,name\r\n1,int,\"a\r\n\"\"b,\"\r\n2,str,c\r\nprocess,type,name,more\r\n3,str,c,d\r\n");
}

TEST(ProcessesReport, TellsWhatFailedAndWhatWasLeftOut) {
  ProcessesReport report;
  report.what = "the family of 1";
  report.answers = {answer(1, 10), answer(2, 10)};
  report.answers[0].out = "{\"a\": 1}\n";
  report.answers[1].why = "it exited";
  report.answers[1].code = 3;
  report.left_out = {{7, "sleep 100", "no Python runs there"}};
  const std::string text = written(report, "text");
  EXPECT_NE(text.find("2 was not read: it exited"), std::string::npos) << text;
  EXPECT_NE(text.find("left out: 7 (sleep 100): no Python runs there"), std::string::npos) << text;
  const std::string json = written(report, "json");
  EXPECT_NE(json.find("\"failed\": 1"), std::string::npos) << json;
  EXPECT_NE(json.find("\"answer\": {\"a\": 1}}"), std::string::npos) << json;
  EXPECT_NE(json.find("\"answer\": null}"), std::string::npos) << json;
  EXPECT_NE(json.find("{\"pid\": 7, \"command\": \"sleep 100\", \"why\": \"no Python runs there\"}"),
            std::string::npos)
      << json;
}

}  // namespace
}  // namespace heapglass
