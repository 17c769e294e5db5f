// A system call filter as a list of rules. The arguments of a call are compared in full: of an argument that
// the kernel takes as 32 bits its upper half is not looked at by the kernel either.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

namespace heapglass {

// (argument & mask) == value.
struct ArgumentRule {
  unsigned argument;
  std::uint32_t value;
  std::uint32_t mask = 0xffffffff;
};

class SeccompProgram {
 public:
  SeccompProgram() {
#if defined(__x86_64__)
    constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif
    load(offsetof(seccomp_data, arch));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
    answer(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
  }
  void allow(std::span<const int> calls) {
    for (const int call : calls) when(call, SECCOMP_RET_ALLOW);
  }
  void refuse(std::span<const int> calls, int error) {
    for (const int call : calls) when(call, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  }
  // Allows the call where all rules hold of one of the alternatives, else answers with the error.
  using VersionTraits = std::initializer_list<ArgumentRule>;
  void allow_where(int call, std::initializer_list<VersionTraits> alternatives, int error = EPERM) {
    std::vector<sock_filter> body;
    for (const VersionTraits& rules : alternatives) {
      std::size_t left = rules.size() * 3 + 1;  // instructions to the end of this alternative
      for (const ArgumentRule& rule : rules) {
        left -= 3;
        body.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(rule.argument)));
        body.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule.mask));
        body.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule.value, 0, static_cast<std::uint8_t>(left)));
      }
      body.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    }
    body.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0,
                 static_cast<std::uint8_t>(body.size())));
    code_.insert(code_.end(), body.begin(), body.end());
  }
  // Of all threads, with `error` for every call that no rule is about. 0, or an errno.
  int install(int error) {
    answer(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
    const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    const long failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    return failed == 0 ? 0 : failed > 0 ? EBUSY : errno;  // above 0: a thread that has another filter
  }

 private:
  static std::uint32_t argument(unsigned n) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + std::size_t{8} * n);
  }
  void add(sock_filter one) { code_.push_back(one); }
  void load(std::size_t offset) {
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  }
  void answer(std::uint32_t what) { add(BPF_STMT(BPF_RET | BPF_K, what)); }
  void when(int call, std::uint32_t what) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
    answer(what);
  }

  std::vector<sock_filter> code_;
};

}  // namespace heapglass
