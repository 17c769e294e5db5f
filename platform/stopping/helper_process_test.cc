#include "platform/stopping/helper_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <thread>

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kInTime = HelperProcess::kEndsWithin + std::chrono::seconds(20);

void wait_for_ever() {
  while (true) {
    const timespec time{1, 0};
    nanosleep(&time, nullptr);
  }
}

bool ends(pid_t pid) {
  for (const auto until = Clock::now() + kInTime; Clock::now() < until;) {
    ProcStat stat;
    if (!read_proc_stat(pid, stat) || stat.state == 'Z') return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST(HelperProcess, DoesItsWorkAndEnds) {
  HelperProcess helper([](Channel& channel) {
    std::byte question{};
    if (!channel.receive({&question, 1})) return;
    const std::byte answer{HelperProcess::asked_to_end() ? std::byte{0} : std::byte{7}};
    channel.send({&answer, 1});
  });
  const std::byte question{1};
  std::byte answer{};
  EXPECT_TRUE(helper.channel().send({&question, 1}));
  EXPECT_TRUE(helper.channel().receive({&answer, 1}));
  EXPECT_EQ(answer, std::byte{7});
  EXPECT_FALSE(HelperProcess::asked_to_end());
}

TEST(HelperProcess, AnAnswerThatNeverComesIsNotWaitedForLonger) {
  HelperProcess helper([](Channel&) { wait_for_ever(); });
  std::byte answer{};
  const auto began = Clock::now();
  EXPECT_FALSE(helper.channel().receive({&answer, 1}, std::chrono::milliseconds(200)));
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(20));
  kill(helper.pid(), SIGKILL);
}

TEST(HelperProcess, TerminatedItIsAskedToEndFirst) {
  HelperProcess helper([](Channel& channel) {
    const std::byte ready{1}, asked{2};
    channel.send({&ready, 1});
    while (!HelperProcess::asked_to_end()) channel.wait(std::chrono::milliseconds(20));
    channel.send({&asked, 1});
  });
  std::byte answer{};
  ASSERT_TRUE(helper.channel().receive({&answer, 1}));
  kill(helper.pid(), SIGTERM);
  EXPECT_TRUE(helper.channel().receive({&answer, 1}));
  EXPECT_EQ(answer, std::byte{2});
}

TEST(HelperProcess, WhateverItDoesItEndsByTheTime) {
  for (const bool terminated : {true, false}) {
    HelperProcess helper([](Channel& channel) {
      const std::byte ready{1};
      channel.send({&ready, 1});
      wait_for_ever();
    });
    std::byte ready{};
    ASSERT_TRUE(helper.channel().receive({&ready, 1}));
    const auto began = Clock::now();
    if (terminated) kill(helper.pid(), SIGTERM);
    helper.end();
    EXPECT_LT(Clock::now() - began, kInTime);
  }
}

TEST(HelperProcess, EndsWithTheProcessThatMadeIt) {
  int ends_of_pipe[2];
  ASSERT_EQ(pipe(ends_of_pipe), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const HelperProcess helper([](Channel&) { wait_for_ever(); });
    const pid_t pid = helper.pid();
    if (write(ends_of_pipe[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    wait_for_ever();
  }
  pid_t helper = 0;
  ASSERT_EQ(read(ends_of_pipe[0], &helper, sizeof helper), static_cast<ssize_t>(sizeof helper));
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(ends(helper));
  close(ends_of_pipe[0]);
  close(ends_of_pipe[1]);
}

}  // namespace
}  // namespace heapglass
