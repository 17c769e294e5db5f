#include "platform/cgroups.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace heapglass {
namespace {

// A directory as a control group has it.
class Group : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_ + "/inner"); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(directory_ + name) << text; }
  const std::string directory_ = testing::TempDir() + "group" + std::to_string(getpid());
};

TEST_F(Group, OfVersionTwo) {
  EXPECT_EQ(memory_room({directory_}), std::nullopt);
  write("/memory.max", "max\n");
  write("/memory.current", "3000\n");
  EXPECT_EQ(memory_room({directory_}), std::nullopt);
  write("/memory.max", "10000\n");
  EXPECT_EQ(memory_room({directory_}), 7000u);
  write("/memory.stat", "anon 2000\ninactive_file 500\nactive_file 400\n");  // the cache goes first
  EXPECT_EQ(memory_room({directory_}), 7500u);
  write("/memory.high", "4000\n");
  EXPECT_EQ(memory_room({directory_}), 1500u);
  write("/memory.high", "1000\n");
  EXPECT_EQ(memory_room({directory_}), 0u);
}

TEST_F(Group, OfVersionOne) {
  write("/memory.limit_in_bytes", "9223372036854771712\n");  // no limit
  write("/memory.usage_in_bytes", "3000\n");
  EXPECT_EQ(memory_room({directory_}), std::nullopt);
  write("/memory.limit_in_bytes", "5000\n");
  write("/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n");
  EXPECT_EQ(memory_room({directory_}), 2100u);
}

TEST_F(Group, TheOneThatLeavesLeastCounts) {
  write("/memory.max", "9000\n");
  write("/memory.current", "8000\n");
  write("/inner/memory.max", "4000\n");
  write("/inner/memory.current", "1000\n");
  EXPECT_EQ(memory_room({directory_ + "/inner", directory_}), 1000u);
  EXPECT_EQ(task_room({directory_ + "/inner", directory_}), std::nullopt);
  write("/pids.max", "max\n");
  write("/inner/pids.max", "20\n");
  write("/inner/pids.current", "17\n");
  EXPECT_EQ(task_room({directory_ + "/inner", directory_}), 3u);
}

TEST(Groups, OfOurselvesAreThere) {
  for (const std::string& directory : cgroup_directories(getpid(), "memory"))
    EXPECT_TRUE(std::filesystem::is_directory(directory)) << directory;
}

TEST_F(Group, Frozen) {
  const std::string inner = directory_ + "/inner";
  EXPECT_FALSE(frozen_group({inner, directory_}));
  write("/inner/cgroup.freeze", "0\n");
  write("/inner/cgroup.events", "populated 1\nfrozen 0\n");
  write("/cgroup.freeze", "0\n");
  write("/cgroup.events", "populated 1\nfrozen 0\n");
  EXPECT_FALSE(frozen_group({inner, directory_}));
  write("/cgroup.freeze", "1\n");  // the one above is asked to, and not all of it stands
  auto found = frozen_group({inner, directory_});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->directory, directory_);
  EXPECT_FALSE(found->all_stand);
  write("/inner/cgroup.events", "populated 1\nfrozen 1\n");  // ours does
  found = frozen_group({inner, directory_});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->directory, directory_);
  EXPECT_TRUE(found->all_stand);
  EXPECT_FALSE(found->by_first_version);
  EXPECT_EQ(tell(*found), "its control group is frozen (" + directory_ + ")");
}

TEST_F(Group, FrozenByVersionOne) {
  write("/freezer.state", "THAWED\n");
  EXPECT_FALSE(frozen_group({directory_}));
  write("/freezer.state", "FREEZING\n");
  auto found = frozen_group({directory_});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->by_first_version);
  EXPECT_FALSE(found->all_stand);
  write("/freezer.state", "FROZEN\n");
  EXPECT_TRUE(frozen_group({directory_})->all_stand);
}

TEST(Cgroups, AreFoundByMountsOfBothVersionsAndOfAContainer) {
  const std::string cgroup = "5:memory:/docker/4f\n4:cpu,freezer:/a/b\n0::/c\n";
  const std::string mounts =
      "35 31 0:32 /docker /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,cpu,freezer\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw\n";
  using Directories = std::vector<std::string>;
  EXPECT_EQ(cgroup_directories(cgroup, mounts, "memory"),
            (Directories{"/sys/fs/cgroup/memory/4f", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified/c",
                         "/sys/fs/cgroup/unified"}));
  EXPECT_EQ(
      cgroup_directories("4:cpu,freezer:/a/b\n", mounts, "freezer"),
      (Directories{"/sys/fs/cgroup/freezer/a/b", "/sys/fs/cgroup/freezer/a", "/sys/fs/cgroup/freezer"}));
  EXPECT_EQ(cgroup_directories("0::/../../etc\n", mounts, "memory"), Directories{});
  EXPECT_EQ(cgroup_directories("0:\n:\n\n", mounts, "memory"), Directories{});
  EXPECT_EQ(cgroup_directories("5:memory:docker\n0::no slash\n", mounts, "memory"), Directories{});
  // Only the beginning of a name is the name of the container's root.
  EXPECT_EQ(cgroup_directories("5:memory:/dockers\n", mounts, "memory"),
            (Directories{"/sys/fs/cgroup/memory/dockers", "/sys/fs/cgroup/memory"}));
}

}  // namespace
}  // namespace heapglass
