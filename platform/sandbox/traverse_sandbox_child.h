// A child of ours that becomes what runs the target's code: without rights, with a system call filter, and
// with nothing mapped but the block of traverse_sandbox_stub.h, which maps the rest.
#pragma once

#include <linux/filter.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE \
  0x100000  // Linux 4.17; older kernels take it for a hint, and the result is checked
#endif

namespace heapglass {

// exit_group, and for everything else a signal that costs the object. A thread of the interpreter
// (`attached`) gets answers that its allocator and locks can do without: no more memory, nobody waits.
// Writes so many instructions to `filter`.
unsigned write_filter(sock_filter* filter, bool attached);

// Where its block is to be, and descriptors of what it shares with us there.
struct CopiedProcessBlock {
  std::uint64_t at = 0;
  int control = -1, ring = -1;
};
struct StartedProcess {
  pid_t pid = -1;       // negative, with errno, where it could not be made
  int descriptor = -1;  // of the process, the caller's to close; -1 before Linux 5.2
};
// What else goes wrong ends the child, with an exit code for describe_exit().
StartedProcess start_copied_process(const CopiedProcessBlock& block);
std::string describe_exit(int code);

// One that is ended and waited for whatever happens.
class TraverseSandboxChild {
 public:
  explicit TraverseSandboxChild(const StartedProcess& child)
      : pid_(child.pid), descriptor_(child.descriptor) {}
  ~TraverseSandboxChild() {
    end();
    if (descriptor_ >= 0) close(descriptor_);
  }
  TraverseSandboxChild(const TraverseSandboxChild&) = delete;
  TraverseSandboxChild& operator=(const TraverseSandboxChild&) = delete;
  bool alive() {
    if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
    return pid_ > 0;
  }
  // What it has used so far; zero where it is gone.
  std::chrono::nanoseconds processor_time() const {
    clockid_t clock{};
    timespec used{};
    if (pid_ <= 0 || clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) return {};
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  }
  void alarm() const {
    if (pid_ > 0) signal(SIGALRM);
  }
  void end() {
    if (!alive()) return;
    signal(SIGKILL);
    while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
  }
  int status() const { return status_; }

 private:
  // By descriptor: once confined we may signal nobody by number.
  void signal(int number) const {
    if (descriptor_ < 0 || syscall(424 /* pidfd_send_signal */, descriptor_, number, nullptr, 0) != 0)
      kill(pid_, number);
  }

  pid_t pid_;
  int descriptor_;
  int status_ = 0;
};

}  // namespace heapglass
