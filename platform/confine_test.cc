#include "platform/confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "platform/process.h"

namespace heapglass {
namespace {

// What is wrong in a child that has confined itself, as text; empty: nothing.
template <class Body>
std::string in_a_child(const Body& body) {
  const int told = memfd_create("told", MFD_CLOEXEC);
  const pid_t child = fork();
  if (child == 0) {
    const std::string wrong = body();
    _exit(write(told, wrong.data(), wrong.size()) == static_cast<ssize_t>(wrong.size()) ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::string wrong(static_cast<std::size_t>(lseek(told, 0, SEEK_END)), '\0');
  if (pread(told, wrong.data(), wrong.size(), 0) < 0) wrong = "not told";
  close(told);
  if (status != 0) wrong += " status " + std::to_string(status);
  return wrong;
}

std::string field(const std::string& name) {
  const std::string status = read_proc_file("/proc/self/status");
  const std::size_t at = status.find("\n" + name + ":\t") + name.size() + 3;
  return status.substr(at, status.find('\n', at) - at);
}

// "" where the call failed with that error.
std::string fails(const char* what, long result, int error) {
  const int got = result == -1 ? errno : 0;
  return got == error ? "" : std::string(what) + " gave " + std::to_string(got) + "; ";
}

TEST(Confine, LeavesNoWayOut) {
  const std::string wrong = in_a_child([] {
    std::string w = confine({});
    const pid_t parent = getppid();
    char byte = 0;
    iovec local{&byte, 1};
    char* const arguments[] = {const_cast<char*>("true"), nullptr};
    w += fails("execve", execve("/bin/true", arguments, nullptr), EPERM);
    w += fails("execveat", syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, nullptr, 0), EPERM);
    for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET})
      w += fails("socket", socket(family, SOCK_STREAM, 0), EPERM);
    w += fails("io_uring_setup", syscall(SYS_io_uring_setup, 1, nullptr), EPERM);
    w += fails("ptrace", ptrace(PTRACE_SEIZE, parent, nullptr, nullptr), EPERM);
    w += fails("process_vm_readv", process_vm_readv(parent, &local, 1, &local, 1, 0), EPERM);
    w += fails("process_vm_writev", process_vm_writev(parent, &local, 1, &local, 1, 0), EPERM);
    w += fails("unshare", unshare(CLONE_NEWUSER), EPERM);
    w += fails("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr),
               EPERM);
    w += fails("clone3", syscall(SYS_clone3, nullptr, 0), ENOSYS);
    w += fails("open to write", open("/dev/null", O_WRONLY), EACCES);
    w += fails("open to make", open("/tmp/heapglass-confined", O_RDONLY | O_CREAT, 0600), EACCES);
    w += fails("unlink", unlink("/tmp/heapglass-confined"), ENOSYS);
    w += fails("mount", syscall(SYS_mount, "a", "/tmp", "tmpfs", 0, nullptr), EPERM);
    w += fails("open to read", open("/dev/null", O_RDONLY) < 0 ? -1 : 0, 0);
    for (const char* name : {"CapEff", "CapPrm", "CapInh", "CapAmb"})
      if (field(name) != "0000000000000000") w += name + (" is " + field(name));
    if (field("Seccomp") != "2") w += "Seccomp is " + field("Seccomp");
    if (field("NoNewPrivs") != "1") w += "NoNewPrivs is " + field("NoNewPrivs");
    // What decoding is made of goes on.
    bool ran = false;
    std::thread([&] { ran = true; }).join();
    if (!ran) w += "no thread";
    const pid_t child = fork();
    if (child == 0) _exit(execve("/bin/true", arguments, nullptr) == -1 && errno == EPERM ? 7 : 0);
    int status = 0;
    if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) w += "a child got out";
    return w;
  });
  EXPECT_EQ(wrong, "");
}

TEST(Confine, ReachesThreadsThatAreThere) {
  const std::string wrong = in_a_child([] {
    std::string w;
    int go[2];
    if (pipe(go) != 0) return std::string("no pipe");
    std::thread other([&] {
      char byte = 0;
      if (read(go[0], &byte, 1) != 1) w += "not told";
      w += fails("socket", socket(AF_INET, SOCK_STREAM, 0), EPERM);
    });
    w += confine({});
    if (write(go[1], "x", 1) != 1) w += "cannot tell";
    other.join();
    return w;
  });
  EXPECT_EQ(wrong, "");
}

TEST(Confine, OneFileMayBeWritten) {
  char folder[] = "/tmp/heapglass-test-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  // Of somebody else, who lets nobody in.
  const bool root = geteuid() == 0;
  ASSERT_EQ(root ? chown(folder, 65534, 65534) : 0, 0);
  ASSERT_EQ(chmod(folder, 0700), 0);
  const std::string path = std::string(folder) + "/out", temporary = std::string(folder) + "/temporary";
  const std::string wrong = in_a_child([&] {
    std::string w = confine({path});
    const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0) return w + "cannot be made";
    if (rename(temporary.c_str(), path.c_str()) != 0) w += "cannot be renamed";
    // Nothing but the right to write there, and only where it takes one.
    if (field("CapEff") != (root ? "0000000000000002" : "0000000000000000"))
      w += "CapEff is " + field("CapEff");
    w += fails("socket", socket(AF_INET, SOCK_STREAM, 0), EPERM);
    return w;
  });
  EXPECT_EQ(wrong, "");
  EXPECT_EQ(unlink(path.c_str()), 0);
  EXPECT_EQ(rmdir(folder), 0);
}

TEST(Confine, AFileOfOursTakesNoCapability) {
  char folder[] = "/tmp/heapglass-test-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/out";
  const std::string wrong = in_a_child([&] {
    std::string w = confine({path});
    if (field("CapEff") != "0000000000000000") w += "CapEff is " + field("CapEff");
    if (open(path.c_str(), O_WRONLY | O_CREAT, 0600) < 0) w += "cannot be made";
    return w;
  });
  EXPECT_EQ(wrong, "");
  EXPECT_EQ(unlink(path.c_str()), 0);
  EXPECT_EQ(rmdir(folder), 0);
}

}  // namespace
}  // namespace heapglass
