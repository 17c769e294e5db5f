// heapglass guard as a flight recorder: snapshots without values at an interval, within their disk.
#include "cmd/tests/running_guard.h"

namespace heapglass {
namespace {

class Recorder : public Guard {};

// Each answers as a snapshot that is taken by hand; the oldest go, and what a trigger wrote stays.
TEST_F(Recorder, KeepsRecordsWithinItsDisk) {
  PythonProgram target = program();
  kill(target.pid(), SIGSTOP);
  while (target.state() != 'T') std::this_thread::sleep_for(milliseconds(1));
  const std::string whole = folder_.file("whole.hg"), pid = target.target();
  ASSERT_EQ(heapglass({"snapshot", pid, "--no-values", "-o", whole}).status, 0);
  const auto size = std::filesystem::file_size(whole);
  ASSERT_LT(size, 500'000u);
  const GroupOfFiles group(folder_.file("group"), target.pid());
  RunningGuard guard(rules("[shop]\ngroup = " + group.path() +
                           "\nrecord = 1s\nrecord-disk = 3MB\nwhen = memory > 90%\ndo = snapshot\n"));
  ASSERT_TRUE(guard.wait_for("is recorded"));
  cross(group);
  ASSERT_TRUE(guard.wait_for("wrote shop-"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto records = [&] { return files_with("-record.hg"); };
  const std::string first = records().front();
  while (std::filesystem::exists(first) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(std::filesystem::exists(first)) << "the oldest record is there still\n" << guard.said();
  EXPECT_EQ(guard.end(), 0);
  std::uint64_t bytes = 0;
  for (const std::string& each : records()) {
    bytes += std::filesystem::file_size(each);
    for (const char* const command : {"histogram", "leaks", "stacks", "garbage"}) {
      const Outcome said = heapglass({command, each, "--format", "csv"});
      EXPECT_EQ(said.out, heapglass({command, whole, "--format", "csv"}).out) << each << said.err;
      EXPECT_GT(said.out.size(), 10u);
    }
  }
  EXPECT_LE(bytes, 3'000'000u);
  ASSERT_GE(records().size(), 2u) << guard.said();
  EXPECT_EQ(files_with(".hg").size(), records().size() + 1) << "a trigger's snapshot was removed";
  std::vector<std::string> since{"since", "--type", "str"};
  for (const std::string& each : records()) since.push_back(each);
  const Outcome answer = heapglass(since);
  EXPECT_EQ(answer.status, 0) << answer.err;
  expect_nothing_unfinished();
  kill(target.pid(), SIGCONT);
}

}  // namespace
}  // namespace heapglass
