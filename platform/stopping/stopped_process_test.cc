#include "platform/stopping/stopped_process.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "platform/process/threads.h"
#include "platform/stopping/stopped_thread.h"

namespace heapglass {
namespace {

// A child that counts, as fast as it gets a processor: the one that this test runs on, and after the test.
class Counting : public testing::Test {
 protected:
  void SetUp() override {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    count_ = static_cast<std::atomic<std::uint64_t>*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(static_cast<void*>(count_), MAP_FAILED);
    child_ = fork();
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) count_->fetch_add(1);
    }
    EXPECT_TRUE(counts());
  }
  void TearDown() override {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    munmap(count_, 4096);
    sched_setaffinity(0, sizeof before_, &before_);
  }
  // Nobody holds it, and it goes on.
  bool counts() const {
    const std::uint64_t now = *count_;
    for (int i = 0; i < 10000 && *count_ == now; ++i) usleep(1000);
    return *count_ != now && tracer_of(child_, child_) == 0;
  }

  cpu_set_t before_;
  std::atomic<std::uint64_t>* count_ = nullptr;
  pid_t child_ = -1;
};

TEST_F(Counting, IsHeldAndLetGo) {
  for (int i = 0; i < 20; ++i) {
    int calls = 0;
    const double pause = while_stopped(child_, {}, [&](StoppedProcess& stopped, StopClock::time_point since) {
      ++calls;
      EXPECT_LE(since, StopClock::now());
      const std::uint64_t then = *count_;
      usleep(2000);
      EXPECT_EQ(*count_, then);
      ASSERT_EQ(stopped.threads().size(), 1u);
      EXPECT_EQ(stopped.threads()[0].tid, child_);
      EXPECT_NE(value(stopped.threads()[0].stack_pointer), 0u);
      EXPECT_FALSE(stopped.in_group_stop());
    });
    EXPECT_EQ(calls, 1);
    EXPECT_GE(pause, 2);
    EXPECT_TRUE(counts());
  }
}

// No time at all is too short for whoever needs our processor to come to its stop.
TEST_F(Counting, IsLetGoWhereItDoesNotStopInTime) {
  StopOptions options;
  options.first_try = options.longest_try = StopClock::duration(0);
  options.budget = std::chrono::milliseconds(300);
  bool called = false;
  const auto began = StopClock::now();
  try {
    while_stopped(child_, options, [&](StoppedProcess&, StopClock::time_point) { called = true; });
    ADD_FAILURE() << "it was stopped in no time";
  } catch (const CannotStop& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnreachable);
    EXPECT_NE(std::string(error.what()).find(std::to_string(child_)), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("try again"), std::string::npos) << error.hint();
  }
  EXPECT_FALSE(called);
  EXPECT_GE(StopClock::now() - began, std::chrono::milliseconds(250));  // it tried more than once
  EXPECT_TRUE(counts());
}

TEST_F(Counting, IsTriedAgainForLonger) {
  StopOptions options;
  options.first_try = StopClock::duration(1);
  options.budget = std::chrono::seconds(60);
  int calls = 0;
  while_stopped(child_, options, [&](StoppedProcess&, StopClock::time_point) { ++calls; });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(counts());
}

TEST_F(Counting, IsLetGoByWhatIsThrown) {
  EXPECT_THROW(
      while_stopped(child_, {},
                    [](StoppedProcess&, StopClock::time_point) { throw Error(ErrorKind::kFile, "full"); }),
      Error);
  EXPECT_TRUE(counts());
}

TEST_F(Counting, StaysStoppedByASignal) {
  kill(child_, SIGSTOP);
  waitpid(child_, nullptr, WUNTRACED);
  bool group_stop = false;
  while_stopped(child_, {}, [&](StoppedProcess& stopped, StopClock::time_point) {
    group_stop = stopped.in_group_stop();
  });
  EXPECT_TRUE(group_stop);
  // It wakes up to stop again.
  for (int i = 0; i < 1000 && thread_state(child_, child_) != 'T'; ++i) usleep(1000);
  EXPECT_EQ(thread_state(child_, child_), 'T');
  kill(child_, SIGCONT);
  EXPECT_TRUE(counts());
}

// Threads that end between being listed and being seized are refused by the kernel as if we had no right to
// them.
TEST(ThreadsThatComeAndGo, AreNoReasonToRefuse) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto work = [] {
      for (;;) std::thread([] {}).join();
    };
    std::thread others[] = {std::thread(work), std::thread(work), std::thread(work)};
    work();
  }
  int calls = 0;
  for (int i = 0; i < 5000; ++i)
    EXPECT_NO_THROW(while_stopped(child, {}, [&](StoppedProcess&, StopClock::time_point) { ++calls; }));
  EXPECT_EQ(calls, 5000);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

// As posix_spawn has it: its main thread makes a child in a vfork with all signals blocked, and takes them
// again a bit later. Another thread is in a wait that any signal ends.
class Spawning : public testing::Test {
 protected:
  struct Shared {
    std::atomic<pid_t> waiter;
    std::atomic<bool> blocks, may_take_signals;
  };
  void SetUp() override {
    shared_ =
        static_cast<Shared*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(static_cast<void*>(shared_), MAP_FAILED);
    ASSERT_EQ(pipe(end_of_vfork_), 0);
    child_ = fork();
    if (child_ == 0) run();
    for (int i = 0; i < 5000 && shared_->waiter == 0; ++i) usleep(1000);
    ASSERT_NE(shared_->waiter, 0);
  }
  void TearDown() override {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    close(end_of_vfork_[0]);
    close(end_of_vfork_[1]);
    munmap(shared_, 4096);
  }
  [[noreturn]] void run() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(end_of_vfork_[1]);  // so that the child's read ends with this test
    std::thread waiter([&] {
      epoll_event event;
      const int none = epoll_create1(0);
      shared_->waiter = gettid();
      for (;;) epoll_wait(none, &event, 1, -1);
    });
    sigset_t all, before;
    sigfillset(&all);
    for (;;) {
      sigprocmask(SIG_SETMASK, &all, &before);
      // With a copy of the memory: it is the wait for its end that matters.
      const long made = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
      if (made == 0) {
        char byte;
        syscall(SYS_exit_group, read(end_of_vfork_[0], &byte, 1) < 0);
      }
      shared_->blocks = true;
      while (!shared_->may_take_signals) {
      }
      shared_->blocks = shared_->may_take_signals = false;
      sigprocmask(SIG_SETMASK, &before, nullptr);
      waitpid(static_cast<pid_t>(made), nullptr, 0);
    }
  }

  Shared* shared_ = nullptr;
  int end_of_vfork_[2]{};
  pid_t child_ = -1;
};

TEST_F(Spawning, HasItsWaitsHeldUntilItTakesSignalsAgain) {
  // Nobody is held for longer than that, whatever comes.
  constexpr auto kInTime = std::chrono::milliseconds(8);
  bool seen = false;
  for (int i = 0; i < 100 && !seen; ++i) {
    for (int n = 0;
         n < 5000 && (thread_state(child_, child_) != 'D' || thread_state(child_, shared_->waiter) != 'S');
         ++n)
      usleep(1000);
    std::atomic<bool> resumes = false, held = false;
    std::thread spawned([&] {
      while (!resumes) usleep(100);
      const auto since = StopClock::now();
      usleep(500);
      ASSERT_EQ(write(end_of_vfork_[1], "x", 1), 1);
      while (!shared_->blocks) usleep(100);
      usleep(500);
      held = tracer_of(child_, shared_->waiter) != 0;
      seen = StopClock::now() - since < kInTime;
      shared_->may_take_signals = true;
    });
    while_stopped(child_, {}, [&](StoppedProcess&, StopClock::time_point) { resumes = true; });
    spawned.join();
    EXPECT_TRUE(held || !seen);
    EXPECT_EQ(tracer_of(child_, shared_->waiter), 0);
  }
  EXPECT_TRUE(seen);
}

// A signal for the child of a thread that is held goes to another, whose wait may end with it.
TEST(StoppedThread, IsNotOneThatHasAChild) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::thread without([&] {
      const pid_t tid = gettid();
      if (write(ready[1], &tid, sizeof tid) != sizeof tid) _exit(1);
      while (true) pause();
    });
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      pause();
    }
    while (true) sleep(1000);
  }
  pid_t without = 0;
  ASSERT_EQ(read(ready[0], &without, sizeof without), static_cast<ssize_t>(sizeof without));
  std::vector<pid_t> order;
  for (int i = 0; i < 200 && (order.size() != 2 || order.back() != child); ++i) {
    order = least_disturbed_first(child);
    usleep(5000);
  }
  EXPECT_EQ(order, (std::vector<pid_t>{without, child}));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace heapglass
