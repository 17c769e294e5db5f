#include "platform/confinement/confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "lib/base/under_asan.h"
#include "platform/confinement/escapes.h"
#include "platform/confinement/landlock.h"
#include "platform/confinement/seccomp_program.h"
#include "platform/files/in_a_child.h"
#include "platform/process/process.h"
#include "platform/sandbox/traverse_sandbox_child.h"

namespace heapglass {
namespace {

// "" where the call failed with that error.
std::string fails(const char* what, long result, int error) {
  const int got = result == -1 ? errno : 0;
  return got == error ? "" : std::string(what) + " gave " + std::to_string(got) + "; ";
}

// Who runs it: root becomes nobody, an ordinary user stays what it is.
constexpr uid_t kOrdinary = 12345;

// As a kernel that does not have the call.
void lose(int call) {
  const sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                              BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1),
                              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{std::size(code), const_cast<sock_filter*>(code)};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    _exit(99);
}

std::string become(uid_t user) {
  if (geteuid() != 0 || user == 0) return "";
  return setgroups(0, nullptr) == 0 && setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0
             ? ""
             : "cannot become another user; ";
}

class ConfineAs : public testing::TestWithParam<uid_t> {
 protected:
  void SetUp() override {
    if (geteuid() != 0 && GetParam() == 0) GTEST_SKIP() << "needs root";
  }
  uid_t user() const { return geteuid() == 0 ? GetParam() : geteuid(); }
};

TEST_P(ConfineAs, EachEscapeIsRefused) {
  const Prey prey(user());
  const pid_t parent = getpid();
  const std::string wrong = in_a_child([&] {
    std::string w = become(GetParam());
    w += confine();
    return w + Escapes(prey, parent).all();
  });
  EXPECT_EQ(wrong, landlock_abi() > 0 ? "" : "there is no Landlock here");
  EXPECT_EQ(prey.harm(), "");
}

// The filter alone leaves no way out either: it opens nothing.
TEST_P(ConfineAs, EachEscapeIsRefusedWithoutLandlock) {
  const Prey prey(user());
  const pid_t parent = getpid();
  const std::string wrong = in_a_child([&] {
    std::string w = become(GetParam());
    lose(SYS_landlock_create_ruleset);
    if (confine() != "there is no Landlock here") w += "it does not say that there is none; ";
    return w + Escapes(prey, parent).all();
  });
  EXPECT_EQ(wrong, "");
  EXPECT_EQ(prey.harm(), "");
}

// As of a target: its memory and the process are open, for it was looked at.
TEST_P(ConfineAs, WhatIsOpenOfAProcessIsNotAnyMore) {
  const Prey prey(user());
  for (const bool landlock : {true, false}) {
    const std::string wrong = in_a_child([&] {
      std::string w = become(GetParam());
      const std::string folder = "/proc/" + std::to_string(prey.victim());
      const int memory = open((folder + "/mem").c_str(), O_RDONLY),
                kin = open((folder + "/maps").c_str(), O_RDONLY);
      const int process = static_cast<int>(syscall(SYS_pidfd_open, prey.victim(), 0));
      const int folder_of_it = open(folder.c_str(), O_RDONLY | O_DIRECTORY),
                file = open("/etc/passwd", O_RDONLY);
      if (memory < 0 || kin < 0 || process < 0 || folder_of_it < 0 || file < 0)
        return std::string("not opened");
      if (!landlock) lose(SYS_landlock_create_ruleset);
      confine();
      for (const int each : {process, folder_of_it})
        if (syscall(424 /* pidfd_send_signal */, each, SIGKILL, nullptr, 0) == 0) w += "it was signalled; ";
      char bytes[16] = {};
      if (read(kin, bytes, sizeof bytes) > 0 || pread(memory, bytes, sizeof bytes, 0x400000) > 0 ||
          lseek(memory, 0x400000, SEEK_SET) == 0x400000)
        w += "it was read; ";
      if (read(file, bytes, sizeof bytes) <= 0) w += "a file cannot be read; ";
      pollfd ended{process, POLLIN, 0};
      if (poll(&ended, 1, 0) != 0) w += "it seems to have ended; ";
      return w;
    });
    EXPECT_EQ(wrong, "");
    EXPECT_EQ(prey.harm(), "");
  }
}

TEST_P(ConfineAs, WhatDrawingReadsIsAllThatIsRead) {
  const Prey prey(user());
  const pid_t parent = getpid();
  const std::string readable = prey.in("output-folder"), file = prey.in("other-folder/theirs");
  for (const bool landlock : {true, false}) {
    if (landlock && landlock_abi() == 0) continue;
    const std::string wrong = in_a_child([&] {
      std::string w = become(GetParam());
      if (!landlock) lose(SYS_landlock_create_ruleset);
      const std::string why_not = confine({readable, file, "/nowhere"});
      if ((landlock && !why_not.empty()) || why_not.starts_with("there is no Landlock here") == landlock)
        w += why_not;
      for (const std::string& each : {readable, readable + "/mine", file}) {
        const int fd = open(each.c_str(), O_RDONLY);
        if (fd < 0) w += each + " cannot be opened; ";
        close(fd);
      }
      w += fails("open of a file of another process", open("/proc/1/environ", O_RDONLY), EACCES);
      if (landlock) {
        for (const std::string& each : {prey.in("program"), prey.in("secret"), prey.in("other-folder"),
                                        std::string("/etc/passwd"), std::string("/proc/self/status")})
          w += fails(each.c_str(), open(each.c_str(), O_RDONLY), EACCES);
      } else if (user() == 0) {
        w += fails("a file of root's", open(prey.in("secret").c_str(), O_RDONLY), EACCES);
      }
      return w + Escapes(prey, parent).all_but_reading();
    });
    EXPECT_EQ(wrong, "") << (landlock ? "" : "without Landlock");
    EXPECT_EQ(prey.harm(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(User, ConfineAs, testing::Values(0, kOrdinary),
                         [](const auto& user) { return user.param == 0 ? "Root" : "Ordinary"; });

TEST(Confine, RootIsNobodyAfterwards) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string wrong = in_a_child([] {
    std::string w = confine();
    uid_t r = 0, e = 0, s = 0;
    if (getresuid(&r, &e, &s) == 0) w += "getresuid is there; ";  // not on the list
    if (getuid() != 65534 || geteuid() != 65534 || getgid() != 65534 || getegid() != 65534)
      w += "not nobody; ";
    return w;
  });
  EXPECT_EQ(wrong, "");
}

TEST(Confine, EveryThreadIsConfined) {
  int go[2], told = memfd_create("status", 0);
  ASSERT_EQ(pipe(go), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(go[1]);
    std::vector<std::thread> others;
    std::atomic<int> up{0};
    for (int i = 0; i < 4; ++i)
      others.emplace_back([&] {
        ++up;
        char byte;
        if (read(go[0], &byte, 1) < 0) _exit(3);  // SA_RESTART: the order does not end it
        if (open("/etc/passwd", O_RDONLY) != -1) _exit(4);
        if (socket(AF_INET, SOCK_STREAM, 0) != -1) _exit(5);
        _exit(0);
      });
    while (up < 4) sched_yield();
    const std::string why_not = confine();
    if (write(told, why_not.data(), why_not.size() + 1) < 0) _exit(6);
    pause();
    for (std::thread& each : others) each.join();
  }
  close(go[0]);
  struct stat s {};
  for (int i = 0; i < 5000 && fstat(told, &s) == 0 && s.st_size == 0; ++i) usleep(1000);
  EXPECT_EQ(s.st_size, 1) << "not confined in full";
  unsigned threads = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(child) + "/task")) {
    const std::string status = read_proc_file(task.path().string() + "/status");
    ++threads;
    for (const char* line : {"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
                             "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
      EXPECT_NE(status.find(line), std::string::npos) << line << " is not in\n" << status;
    if (geteuid() == 0) {
      EXPECT_NE(status.find("Uid:\t65534\t65534\t65534\t65534"), std::string::npos) << status;
      EXPECT_NE(status.find("Gid:\t65534\t65534\t65534\t65534"), std::string::npos) << status;
      EXPECT_NE(status.find("Groups:\t \n"), std::string::npos) << status;
    }
  }
  EXPECT_EQ(threads, 5u);
  close(go[1]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0) << status;
  close(told);
}

// What decoding is made of goes on.
TEST(Confine, WorkGoesOn) {
#if HEAPGLASS_UNDER_ASAN
  GTEST_SKIP() << "AddressSanitizer's own abort and signals ask for more than the filter permits";
#endif
  const std::string wrong = in_a_child([] {
    std::string w = confine();
    bool ran = false;
    std::thread([&] { ran = true; }).join();
    if (!ran) w += "no thread; ";
    const pid_t child = fork();
    if (child == 0) _exit(7);
    int status = 0;
    if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) w += "no child; ";
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || setrlimit(RLIMIT_CORE, &limit) != 0) w += "no limits; ";
    if (own_maps().find("[stack]") == std::string::npos) w += "no maps; ";
    const int file = memfd_create("x", 0);
    void* const memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (ftruncate(file, 4096) != 0 || memory == MAP_FAILED) w += "no memory; ";
    struct stat s {};
    if (fstat(file, &s) != 0 || s.st_size != 4096) w += "no fstat; ";
    if (setpriority(PRIO_PROCESS, 0, 19) != 0) w += "no lower priority; ";
    const pid_t raises = fork();
    if (raises == 0) {
      // A filter knows one process by its id, and a child has another; it ends all the same.
      abort();
    }
    if (waitpid(raises, &status, 0) != raises || !WIFSIGNALED(status)) w += "abort does not end; ";
    return w;
  });
  EXPECT_EQ(wrong, "");
  // In the process itself a signal of its own is what it was.
  const std::string ended = in_a_child([] {
    confine();
    std::signal(SIGTERM, SIG_DFL);
    raise(SIGTERM);
    return std::string("it lives");
  });
  EXPECT_EQ(ended, " status " + std::to_string(SIGTERM));
}

#if defined(__x86_64__)
// By a descriptor of a child of ours: those of other processes cannot be had.
TEST(Confine, ChildrenCanBeEnded) {
  const std::string wrong = in_a_child([&] {
    std::string w = confine();
    StartedProcess started;
    started.pid = static_cast<pid_t>(
        syscall(SYS_clone, SIGCHLD | CLONE_PIDFD, nullptr, &started.descriptor, nullptr, nullptr));
    if (started.pid == 0)
      while (true) pause();
    TraverseSandboxChild child(started);
    if (!child.alive()) return w + "it does not live";
    child.end();
    if (!WIFSIGNALED(child.status()) || WTERMSIG(child.status()) != SIGKILL) w += "it was not killed";
    return w;
  });
  EXPECT_EQ(wrong, landlock_abi() > 0 ? "" : "there is no Landlock here");
}

// Before Linux 5.3, and where /proc can be opened.
TEST(Confine, NobodyIsSignalledWithoutDescriptors) {
  const std::string said = "children can be signalled by none, and end by their limit of processor time";
  for (const int lost : {SYS_pidfd_open, SYS_landlock_create_ruleset}) {
    const std::string wrong = in_a_child([&] {
      lose(lost);
      std::string w;
      if (confine({"/usr"}).find(said) == std::string::npos) w += "it does not say so; ";
      int descriptor = -1;
      const pid_t parent = getpid();
      const auto child = static_cast<pid_t>(
          syscall(SYS_clone, SIGCHLD | CLONE_PIDFD, nullptr, &descriptor, nullptr, nullptr));
      if (child == 0) {
        while (getppid() == parent) usleep(1000);
        _exit(0);
      }
      w += fails("kill", kill(child, SIGKILL), EPERM);
      w +=
          fails("pidfd_send_signal", syscall(SYS_pidfd_send_signal, descriptor, SIGKILL, nullptr, 0), ENOSYS);
      return w;
    });
    EXPECT_EQ(wrong, "") << lost;
  }
}
#endif

}  // namespace
}  // namespace heapglass
