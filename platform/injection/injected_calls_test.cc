// What is done in a process by force leaves it as it was, and that holds when whoever does it is killed
// meanwhile.
#include "platform/injection/injected_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <random>

#include "platform/injection/injected_forker.h"
#include "platform/injection/stopped_child.h"
#include "platform/process/threads.h"
#include "platform/stopping/stopped_thread.h"

#if defined(__x86_64__)

namespace heapglass {
namespace {

// A child of ours and what it tells of itself.
struct Told {
  std::atomic<std::uint64_t> rounds{0}, wrong{0};
};

// Holds values in all registers, the floating point ones and their settings included, and below the stack,
// for a while. Whether they are all still there.
__attribute__((target("avx"))) bool registers_stay(std::uint64_t seed) {
  alignas(32) unsigned char wide[4][32], wide_after[4][32];
  std::uint64_t after[6], below = 0;
  for (unsigned i = 0; i < sizeof wide; ++i)
    wide[i / 32][i % 32] = static_cast<unsigned char>(seed * 7 + i * 13);
  unsigned settings = 0x7f80, settings_after = 0;  // rounds towards zero
  asm volatile(
      "ldmxcsr %[settings]\n\t"
      "vmovdqa 0(%[wide]), %%ymm0\n\t"
      "vmovdqa 32(%[wide]), %%ymm5\n\t"
      "vmovdqa 64(%[wide]), %%ymm10\n\t"
      "vmovdqa 96(%[wide]), %%ymm15\n\t"
      "mov %[seed], -120(%%rsp)\n\t"
      "mov %[seed], %%r8\n\t"
      "lea 1(%[seed]), %%r9\n\t"
      "lea 2(%[seed]), %%r10\n\t"
      "lea 3(%[seed]), %%r11\n\t"
      "lea 4(%[seed]), %%r12\n\t"
      "lea 5(%[seed]), %%r13\n\t"
      "mov $200000, %%ecx\n\t"
      "1: dec %%ecx\n\t"
      "jnz 1b\n\t"
      "mov -120(%%rsp), %%rcx\n\t"
      "mov %%rcx, %[below]\n\t"
      "mov %%r8, 0(%[after])\n\t"
      "mov %%r9, 8(%[after])\n\t"
      "mov %%r10, 16(%[after])\n\t"
      "mov %%r11, 24(%[after])\n\t"
      "mov %%r12, 32(%[after])\n\t"
      "mov %%r13, 40(%[after])\n\t"
      "vmovdqa %%ymm0, 0(%[wide_after])\n\t"
      "vmovdqa %%ymm5, 32(%[wide_after])\n\t"
      "vmovdqa %%ymm10, 64(%[wide_after])\n\t"
      "vmovdqa %%ymm15, 96(%[wide_after])\n\t"
      "stmxcsr %[settings_after]\n\t"
      : [below] "=m"(below), [settings_after] "=m"(settings_after)
      : [wide] "r"(wide), [wide_after] "r"(wide_after), [after] "r"(after), [seed] "r"(seed),
        [settings] "m"(settings)
      : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "memory", "cc", "xmm0", "xmm5", "xmm10", "xmm15");
  bool same = std::memcmp(wide, wide_after, sizeof wide) == 0 && settings == settings_after && below == seed;
  for (unsigned i = 0; i < 6; ++i) same &= after[i] == seed + i;
  return same;
}

sigset_t some_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 3);
  return set;
}

bool mask_stays() {
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, nullptr, &now);
  const sigset_t then = some_signals();
  stack_t alternative{};
  sigaltstack(nullptr, &alternative);
  return std::memcmp(&now, &then, 8) == 0 && alternative.ss_size == 64 << 10;
}

class Injected : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx")) GTEST_SKIP() << "its registers are looked at with AVX";
    told_ = new (mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Told;
    int pipe_ends[2];
    ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    target_ = fork();
    if (target_ == 0) {
      close(pipe_ends[1]);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      run_target(pipe_ends[0]);
    }
    close(pipe_ends[0]);
    writing_ = pipe_ends[1];
    ASSERT_TRUE(goes_on());
    process_.emplace(Process::open(target_));
    sites_ = find_call_sites(*process_, process_->mappings());
    ASSERT_TRUE(sites_);
    facts_ = facts();
  }
  void TearDown() override {
    if (target_ <= 0) return;
    close(writing_);
    kill(target_, SIGKILL);
    waitpid(target_, nullptr, 0);
  }

  // A process that looks at itself without end: running, or in a read that it is sent a byte to now and then.
  [[noreturn]] void run_target(int reading) {
    static char alternative[64 << 10];
    const stack_t stack{alternative, 0, sizeof alternative};
    sigaltstack(&stack, nullptr);
    const sigset_t mask = some_signals();
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    const bool reads = std::strcmp(GetParam(), "reads") == 0;
    for (std::uint64_t round = 1;; ++round) {
      bool right = mask_stays();
      if (reads) {
        char byte = 0;
        right &= read(reading, &byte, 1) == 1;  // EINTR would be wrong
      } else {
        right &= registers_stay(round);
      }
      if (!right) ++told_->wrong;
      ++told_->rounds;
    }
  }

  bool goes_on() {
    const std::uint64_t before = told_->rounds;
    for (int i = 0; i < 5000 && told_->rounds < before + 3; ++i) {
      if (told_->rounds == before || i % 10 == 0)
        if (write(writing_, "x", 1) != 1) return false;
      usleep(1000);
    }
    return told_->rounds >= before + 3;
  }

  std::string facts() const {
    std::string text;
    const std::string status = read_proc_file("/proc/" + std::to_string(target_) + "/status");
    for (const char* key : {"\nSigBlk", "\nSigIgn", "\nSigCgt", "\nTracerPid", "\nThreads"})
      text += status.substr(status.find(key), status.find('\n', status.find(key) + 1) - status.find(key));
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(target_) + "/fd"))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) text += " " + name;
    return text + "\n" + read_proc_file("/proc/" + std::to_string(target_) + "/maps");
  }

  // Does something in the target, by another process that holds it. Its exit code: 0 for done.
  // `after` it is held no more.
  pid_t start_injecting(const std::function<bool(InjectedCalls&)>& work, bool without_end,
                        const std::function<bool()>& after = {}) {
    const pid_t tracer = fork();
    if (tracer != 0) return tracer;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool right = true;
    do {
      const auto held = StoppedThread::hold(target_, StopClock::now() + std::chrono::seconds(10));
      std::string why_not;
      if (!held || choose_thread(*process_, {target_}, why_not) != target_) _exit(2);
      InjectedCalls calls(*process_, *sites_, target_);
      right &= work(calls);
    } while (right && without_end);
    if (right && after) right &= after();
    _exit(right ? 0 : 1);
  }
  int inject(const std::function<bool(InjectedCalls&)>& work, const std::function<bool()>& after = {}) {
    int status = 0;
    waitpid(start_injecting(work, false, after), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  Told* told_ = nullptr;
  pid_t target_ = -1;
  int writing_ = -1;
  std::optional<Process> process_;
  std::optional<SyscallGadgets> sites_;
  std::string facts_;
};

TEST_P(Injected, CallReturnsWhatItWouldThere) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(inject([&](InjectedCalls& calls) {
                return calls.call(SYS_getpid, {}) == target_ && calls.call(SYS_gettid, {}) == target_ &&
                       calls.call(SYS_close, {12345}) == -EBADF;
              }),
              0);
    ASSERT_TRUE(goes_on());
  }
  EXPECT_EQ(told_->wrong, 0u);
  EXPECT_EQ(facts(), facts_);
}

TEST_P(Injected, ChildComesAndGoesWithoutATrace) {
  const auto room = find_sigframe_area(*process_, process_->mappings());
  ASSERT_TRUE(room);
  for (const std::uint64_t flags : {CLONE_FILES | CLONE_FS, CLONE_VM | CLONE_FILES | CLONE_FS})
    for (int i = 0; i < 20; ++i) {
      InjectedForker attendant(*process_, *sites_, *room, flags);
      EXPECT_EQ(inject([&](InjectedCalls& calls) { return attendant.start(calls) == 0; },
                       [&] {
                         const long child = attendant.make_child();
                         return child > 0 && attendant.call_in_child(SYS_getpid, {}) == child &&
                                attendant.call_in_child(SYS_close, {12345}) == -EBADF && attendant.end();
                       }),
                0);
      ASSERT_TRUE(goes_on());
      EXPECT_TRUE(clone_children(target_).empty());
    }
  EXPECT_EQ(told_->wrong, 0u);
  EXPECT_EQ(facts(), facts_);
  EXPECT_FALSE(find_sigframe_area(*process_, process_->mappings())->left);  // zeros, as before
}

// Whoever injects does nothing else, so that each of these comes in the middle of it.
TEST_P(Injected, ComesBackByItselfWhereTheTracerIsKilled) {
  std::mt19937 random(20261121);
  for (int i = 0; i < 200; ++i) {
    const pid_t tracer =
        start_injecting([&](InjectedCalls& calls) { return calls.call(SYS_getpid, {}) == target_; }, true);
    usleep(1000 + random() % 2000);
    kill(tracer, SIGKILL);
    int status = 0;
    waitpid(tracer, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status);
    ASSERT_TRUE(goes_on()) << "after kill " << i;
  }
  EXPECT_EQ(told_->wrong, 0u);
  EXPECT_EQ(facts(), facts_);
}

// What a tracer that is gone has left ends by itself: the child, and who waits for its end.
TEST_P(Injected, LeavesNothingWhereTheTracerIsKilled) {
  std::mt19937 random(20261122);
  for (int i = 0; i < 120; ++i) {
    const auto room = find_sigframe_area(*process_, process_->mappings());
    ASSERT_TRUE(room);
    InjectedForker attendant(*process_, *sites_, *room,
                             CLONE_FILES | CLONE_FS | (i % 2 ? static_cast<std::uint64_t>(CLONE_VM) : 0));
    const bool at_once = i % 4 == 0, before = i % 4 == 1;
    const pid_t tracer = start_injecting(
        [&](InjectedCalls& calls) {
          if (attendant.start(calls) != 0) return false;
          if (before) kill(getpid(), SIGKILL);
          return true;
        },
        false,
        [&] {
          if (attendant.make_child() <= 0) return false;
          if (at_once) kill(getpid(), SIGKILL);  // with the child held and not yet looked at
          while (true) attendant.call_in_child(SYS_getpid, {});
        });
    if (!at_once && !before) {
      usleep(200 + random() % 2500);
      kill(tracer, SIGKILL);
    }
    int status = 0;
    waitpid(tracer, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status);
    ASSERT_TRUE(goes_on()) << "after kill " << i;
    for (int k = 0; k < 2000 && (!clone_children(target_).empty() || list_threads(target_).size() > 1); ++k)
      usleep(1000);
    EXPECT_TRUE(clone_children(target_).empty());
    EXPECT_EQ(list_threads(target_).size(), 1u);
  }
  EXPECT_EQ(told_->wrong, 0u);
  EXPECT_EQ(facts(), facts_);
}

// A process that is stopped stays so, and what was left in it ends all the same once somebody sees to it.
TEST_P(Injected, LeftBehindInAStoppedProcess) {
  const auto room = find_sigframe_area(*process_, process_->mappings());
  ASSERT_TRUE(room);
  InjectedForker attendant(*process_, *sites_, *room, CLONE_FILES | CLONE_FS);
  kill(target_, SIGSTOP);
  // Not while it is still on its way there: a signal that is being delivered goes with the tracer that holds
  // it.
  for (int k = 0; k < 2000 && thread_state(target_, target_) != 'T'; ++k) usleep(1000);
  const pid_t tracer =
      start_injecting([&](InjectedCalls& calls) { return attendant.start(calls) == 0; }, false,
                      [&] {
                        if (attendant.make_child() > 0) kill(getpid(), SIGKILL);
                        return false;
                      });
  int status = 0;
  waitpid(tracer, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status);
  const pid_t cleaner = fork();
  if (cleaner == 0) _exit(end_left_attendant(*process_, *sites_, *room, {}) ? 0 : 1);
  waitpid(cleaner, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(clone_children(target_).empty());
  EXPECT_EQ(list_threads(target_).size(), 1u);
  EXPECT_EQ(thread_state(target_, target_), 'T');
  kill(target_, SIGCONT);
  ASSERT_TRUE(goes_on());
  EXPECT_EQ(told_->wrong, 0u);
  EXPECT_EQ(facts(), facts_);
}

INSTANTIATE_TEST_SUITE_P(Target, Injected, testing::Values("runs", "reads"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace heapglass
#endif
