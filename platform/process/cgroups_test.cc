#include "platform/process/cgroups.h"

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

constexpr char kId[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST(ControlGroupNames, AreReadOfBothVersions) {
  const auto lines =
      cgroup_lines("12:cpu,cpuacct:/docker/one\n1:name=systemd:/a:b\n0::/app.slice\nno line\n:\n");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].controllers, "cpu,cpuacct");
  EXPECT_EQ(lines[0].path, "/docker/one");
  EXPECT_EQ(lines[1].path, "/a:b");
  EXPECT_EQ(lines[2].controllers, "");
  EXPECT_EQ(lines[2].path, "/app.slice");
}

TEST(ControlGroupNames, OfDirectories) {
  const std::string mounts =
      "30 20 0:26 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw\n"
      "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
      "32 30 0:28 /outer /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  const auto second = cgroup_of_directory("/sys/fs/cgroup/unified/app.slice", mounts);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->controllers, "");
  EXPECT_EQ(second->path, "/app.slice");
  const auto first = cgroup_of_directory("/sys/fs/cgroup/memory/app", mounts);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->controllers, "rw,memory");
  EXPECT_EQ(first->path, "/outer/app");
  EXPECT_EQ(cgroup_of_directory("/sys/fs/cgroup/unified", mounts)->path, "/");
  EXPECT_FALSE(cgroup_of_directory("/sys/fs/cgroup/memoryless", mounts));
  EXPECT_FALSE(cgroup_of_directory("/home", mounts));
}

TEST(ContainerIds, AreSixtyFourDigits) {
  const std::string id = kId;
  EXPECT_EQ(container_ids("0::/docker/" + id + "\n"), std::vector{id});
  EXPECT_EQ(container_ids("0::/kubepods.slice/pod1.slice/cri-containerd-" + id + ".scope\n"),
            std::vector{id});
  EXPECT_TRUE(container_ids("0::/docker/" + id + "0\n").empty());
  EXPECT_TRUE(container_ids("0::/docker/" + id.substr(1) + "\n").empty());
  EXPECT_TRUE(container_ids("").empty());
}

TEST(ContainerIds, OfMountsAreThoseOfItsOwnName) {
  const std::string id = kId;
  EXPECT_EQ(container_ids_of_mounts("1 2 0:3 /var/lib/docker/containers/" + id +
                                    "/hostname /etc/hostname rw - ext4 /dev/sda rw\n"),
            std::vector{id});
  // The host has mounts of every container, and is in none.
  EXPECT_TRUE(container_ids_of_mounts("1 2 0:3 / /var/lib/docker/containers/" + id +
                                      "/mounts/shm rw - tmpfs shm rw\n")
                  .empty());
}

}  // namespace
}  // namespace heapglass
