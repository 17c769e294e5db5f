#include "platform/confine.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace heapglass {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

// Everything that decoding, drawing and writing do, here and in children. What is not listed is answered with
// "there is no such call", which libraries take as on an older kernel.
constexpr int kAllowed[] = {
    // memory
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_mincore,
    SYS_mlock,
    SYS_munlock,
    SYS_memfd_create,
    SYS_membarrier,
    // files, and what is known of them
    SYS_read,
    SYS_write,
    SYS_pread64,
    SYS_pwrite64,
    SYS_readv,
    SYS_writev,
    SYS_preadv,
    SYS_pwritev,
    SYS_close,
    SYS_close_range,
    SYS_lseek,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_getdents64,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_getcwd,
    SYS_dup,
    SYS_dup3,
    SYS_fcntl,
    SYS_flock,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fadvise64,
    SYS_fsync,
    SYS_fdatasync,
    SYS_fchmod,
    SYS_umask,
    SYS_pipe2,
    SYS_ppoll,
    SYS_pselect6,
    // threads, children and signals
    SYS_futex,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_exit,
    SYS_exit_group,
    SYS_wait4,
    SYS_waitid,
    SYS_kill,
    SYS_tgkill,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_rt_sigpending,
    SYS_rt_sigsuspend,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_sched_setscheduler,
    SYS_setpriority,
    SYS_getpriority,
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getpgid,
    SYS_getcpu,
    // giving up more
    SYS_prctl,
    SYS_seccomp,
    SYS_capget,
    SYS_capset,
    SYS_setgroups,
    SYS_setresuid,
    SYS_setresgid,
    SYS_prlimit64,
    // time, chance, this machine
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_times,
    SYS_getrusage,
    SYS_setitimer,
    SYS_getrandom,
    SYS_uname,
    SYS_sysinfo,
#if defined(__x86_64__)
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_dup2,
    SYS_pipe,
    SYS_poll,
    SYS_select,
    SYS_fork,
    SYS_vfork,
    SYS_alarm,
    SYS_time,
    SYS_arch_prctl,
    SYS_getpgrp,
    SYS_getrlimit,
    SYS_setrlimit,
#endif
};
// Where an output file is to be written.
constexpr int kAllowedToWrite[] = {
    SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_linkat, SYS_mkdirat, SYS_fchmodat,
#if defined(__x86_64__)
    SYS_unlink,   SYS_rename,   SYS_link,      SYS_mkdir,  SYS_rmdir,   SYS_chmod,
#endif
};
// What a program may miss is refused as that, not as unknown.
constexpr int kRefused[] = {
    SYS_execve,     SYS_execveat,         SYS_socket,
    SYS_socketpair, SYS_connect,          SYS_bind,
    SYS_ptrace,     SYS_process_vm_readv, SYS_process_vm_writev,
    SYS_bpf,        SYS_unshare,          SYS_setns,
    SYS_mount,      SYS_io_uring_setup,
};
constexpr std::uint32_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

class Filter {
 public:
  explicit Filter(bool writes) {
    load(offsetof(seccomp_data, arch));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
    answer(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
    for (const int call : kAllowed) when(call, SECCOMP_RET_ALLOW);
    if (writes)
      for (const int call : kAllowedToWrite) when(call, SECCOMP_RET_ALLOW);
    for (const int call : kRefused) when(call, SECCOMP_RET_ERRNO | EPERM);
    constexpr std::uint32_t kToWrite = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    if (writes) {
      when(SYS_openat, SECCOMP_RET_ALLOW);
    } else {
      unless_any(SYS_openat, 2, kToWrite, EACCES);
    }
#if defined(__x86_64__)
    if (writes) {
      when(SYS_open, SECCOMP_RET_ALLOW);
    } else {
      unless_any(SYS_open, 1, kToWrite, EACCES);
    }
#endif
    unless_any(SYS_clone, 0, kNamespaces, EPERM);
    // What a terminal is asked; nothing that types into it.
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4));
    load(argument(1));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCGETS, 1, 0));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCGWINSZ, 0, 1));
    answer(SECCOMP_RET_ALLOW);
    answer(SECCOMP_RET_ERRNO | ENOSYS);
  }
  // Of all threads. 0, or an errno.
  int install() const {
    const sock_fprog program{static_cast<unsigned short>(code_.size()),
                             const_cast<sock_filter*>(code_.data())};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 ? 0
                                                                                                   : errno;
  }

 private:
  // The lower half of an argument: flags and requests fit in it.
  static std::uint32_t argument(unsigned n) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * n);
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
  void unless_any(int call, unsigned n, std::uint32_t bits, std::uint32_t error) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 4));
    load(argument(n));
    add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    answer(SECCOMP_RET_ERRNO | error);
    answer(SECCOMP_RET_ALLOW);
  }

  std::vector<sock_filter> code_;
};

// Of the calling thread, 64 bits each.
struct Capabilities {
  std::uint64_t effective = 0, permitted = 0, inheritable = 0;
};

bool get(Capabilities& out) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  const auto both = [&](auto member) {
    return std::uint64_t{data[1].*member} << 32 | std::uint64_t{data[0].*member};
  };
  out = {both(&__user_cap_data_struct::effective), both(&__user_cap_data_struct::permitted),
         both(&__user_cap_data_struct::inheritable)};
  return true;
}

bool set(const Capabilities& to) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (unsigned i = 0; i < 2; ++i)
    data[i] = {static_cast<std::uint32_t>(to.effective >> 32 * i),
               static_cast<std::uint32_t>(to.permitted >> 32 * i),
               static_cast<std::uint32_t>(to.inheritable >> 32 * i)};
  return syscall(SYS_capset, &header, data) == 0;
}

// With what can only be done by a capability now: root writes to the folder of somebody else.
std::uint64_t needed_for(const std::string& output) {
  const std::size_t slash = output.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : output.substr(0, slash + 1);
  const auto may = [](const std::string& path, int how) {
    return faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0;
  };
  std::uint64_t needed = 0;
  struct stat file {
  }, in{};
  const bool exists = lstat(output.c_str(), &file) == 0;
  if (!may(folder, W_OK | X_OK) || (exists && !may(output, W_OK))) needed |= 1u << CAP_DAC_OVERRIDE;
  // To replace another's file in a folder like /tmp.
  if (stat(folder.c_str(), &in) != 0 ||
      (in.st_mode & S_ISVTX && in.st_uid != geteuid() && file.st_uid != geteuid()))
    needed |= 1u << CAP_FOWNER;
  return needed;
}

}  // namespace

std::string confine(const std::vector<std::string>& outputs) {
  std::string why_not;
  const auto failed = [&](const std::string& what, int error) {
    why_not += (why_not.empty() ? "" : "; ") + what + ": " + std::strerror(error);
  };
  std::vector<std::string> files;
  for (const std::string& output : outputs)
    if (!output.empty() && output != "-") files.push_back(output);
  Capabilities now;
  if (!get(now)) {
    failed("capabilities cannot be read", errno);
  } else if (now.permitted != 0 || now.inheritable != 0) {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (!set({0, now.permitted, 0})) failed("capabilities cannot be dropped", errno);
    std::uint64_t kept = 0;
    for (const std::string& file : files) kept |= needed_for(file) & now.permitted;
    if (!set({kept, kept, 0})) failed("capabilities cannot be dropped", errno);
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) failed("no_new_privs cannot be set", errno);
  if (const int error = Filter(!files.empty()).install()) failed("a seccomp filter is refused", error);
  return why_not;
}

}  // namespace heapglass
