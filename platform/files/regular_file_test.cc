#include "platform/files/regular_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "lib/base/error.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

class RegularFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("heapglass_regular." + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "root" / "etc");
    put("secret", "outside");
    put("root/etc/name", "inside");
    put("root/secret", "inside");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string in_root(const std::string& name) const {
    const FileDescriptor fd = open_regular_file_in(path("root"), name);
    return fd ? first_bytes(fd.get(), 100) : "";
  }
  fs::path folder_;
};

TEST_F(RegularFiles, NothingElseIsOpened) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  // A writer that waits for a reader: it would be let through by one that only looks.
  const pid_t writer = fork();
  if (writer == 0) {
    const int fd = open(path("fifo").c_str(), O_WRONLY);
    _exit(fd >= 0 ? 1 : 2);
  }
  for (const std::string& name :
       {path("fifo"), path(""), std::string("/dev/null"), std::string("/dev/tty")}) {
    EXPECT_FALSE(open_regular_file(name)) << name;
    EXPECT_EQ(first_bytes(name, 10), "") << name;
  }
  EXPECT_FALSE(open_regular_file(path("fifo")));
  EXPECT_EQ(errno, EINVAL);
  usleep(50'000);
  EXPECT_EQ(waitpid(writer, nullptr, WNOHANG), 0) << "the writer was woken";
  kill(writer, SIGKILL);
  waitpid(writer, nullptr, 0);
  EXPECT_THROW(RegularFile(path("fifo")), Error);
}

TEST_F(RegularFiles, ARootIsNotLeft) {
  EXPECT_EQ(in_root("/etc/name"), "inside");
  EXPECT_EQ(in_root("/../secret"), "inside") << "as in the container, where .. of / is /";
  fs::create_symlink("/secret", path("root/absolute"));
  fs::create_symlink("../../../../../../secret", path("root/relative"));
  fs::create_symlink("/proc/self/root", path("root/magic"));
  EXPECT_EQ(in_root("/absolute"), "inside");
  EXPECT_EQ(in_root("/relative"), "inside");
  EXPECT_EQ(in_root("/magic" + path("secret")), "");
}

TEST_F(RegularFiles, WhatIsCutIsNotRead) {
  const RegularFile file(path("secret"));
  std::byte bytes[7];
  EXPECT_TRUE(file.read(0, bytes));
  ASSERT_EQ(truncate(path("secret").c_str(), 3), 0);
  EXPECT_FALSE(file.read(0, bytes));
  EXPECT_EQ(file.text(100), "out");
}

}  // namespace
}  // namespace heapglass
