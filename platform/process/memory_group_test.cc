#include "platform/process/memory_group.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace heapglass {
namespace {

// Folders with the files of groups.
class MemoryGroups : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/heapglass-test-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ + "/" + name).substr(0, (path_ + "/" + name).rfind('/')));
    std::ofstream(path_ + "/" + name) << text;
  }
  std::string path_;
};

TEST_F(MemoryGroups, OfVersionTwo) {
  write("a/memory.current", "123456\n");
  write("a/memory.max", "max\n");
  write("a/memory.stat", "anon 5\ninactive_file 77\n");
  write("a/memory.events", "low 0\nhigh 4\nmax 2\noom 1\noom_kill 1\n");
  write("memory.current", "999999\n");
  write("memory.max", "2000000\n");
  const auto group = MemoryGroup::open(path_ + "/a");
  ASSERT_TRUE(group);
  EXPECT_FALSE(group->is_first_version());
  EXPECT_EQ(group->used(), 123456u);
  EXPECT_EQ(group->limit(), std::nullopt);
  EXPECT_EQ(group->droppable(), 77u);
  EXPECT_EQ(group->event_count("high"), 4u);
  EXPECT_EQ(group->event_count("oom"), 1u);
  EXPECT_EQ(group->events_file(), path_ + "/a/memory.events");
  EXPECT_FALSE(group->threshold_event(1));
  const auto limited = MemoryGroup::open_limited(path_ + "/a");
  ASSERT_TRUE(limited);
  EXPECT_EQ(limited->directory(), path_);
  EXPECT_EQ(limited->limit(), 2000000u);
}

TEST_F(MemoryGroups, OfVersionOne) {
  write("memory.usage_in_bytes", "500\n");
  write("memory.limit_in_bytes", "9223372036854771712\n");
  write("memory.stat", "inactive_file 1\ntotal_inactive_file 9\n");
  write("memory.failcnt", "3\n");
  write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  const auto group = MemoryGroup::open_limited(path_);
  ASSERT_TRUE(group);
  EXPECT_TRUE(group->is_first_version());
  EXPECT_EQ(group->limit(), std::nullopt);
  EXPECT_EQ(group->droppable(), 9u);
  EXPECT_EQ(group->event_count("max"), 3u);
  EXPECT_EQ(group->event_count("oom"), 2u);
  EXPECT_EQ(group->event_count("high"), std::nullopt);
  EXPECT_EQ(group->events_file(), "");
  EXPECT_FALSE(group->threshold_event(1));  // there is no cgroup.event_control
}

TEST_F(MemoryGroups, WhatIsNone) {
  EXPECT_FALSE(MemoryGroup::open(path_));
  EXPECT_FALSE(MemoryGroup::open_limited(path_ + "/not/there"));
  write("memory.current", "\n");
  EXPECT_EQ(MemoryGroup::open(path_)->used(), std::nullopt);
}

TEST_F(MemoryGroups, ProcessesOfItAndOfThoseBelow) {
  write("cgroup.procs", "7\n3\n");
  write("a/b/cgroup.procs", "5\n3\n");
  EXPECT_EQ(processes_of_group(path_), (std::vector<pid_t>{3, 5, 7}));
  EXPECT_TRUE(processes_of_group(path_ + "/x").empty());
}

TEST_F(MemoryGroups, PressureSaysWhyItIsNotToBeHad) {
  std::string why;
  EXPECT_FALSE(pressure_event(path_, false, std::chrono::milliseconds(100), std::chrono::seconds(2), why));
  EXPECT_NE(why.find("cannot open " + path_ + "/memory.pressure"), std::string::npos) << why;
}

}  // namespace
}  // namespace heapglass
