#include "platform/confinement/confine.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "platform/confinement/landlock.h"
#include "platform/confinement/seccomp_program.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_send_signal 424  // Linux 5.1
#define SYS_pidfd_open 434         // Linux 5.3
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000  // Linux 5.2
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

namespace heapglass {
namespace {

constexpr uid_t kNobody = 65534;
constexpr std::uint32_t kSetLease = 1024;  // F_SETLEASE, which takes _GNU_SOURCE

// Everything that decoding, drawing and writing do, here and in children, and that has no effect but on this
// process, its children and what they have open. What is not listed is answered with "there is no such call",
// which libraries take as on an older kernel.
constexpr int kAllowed[] = {
    // memory
    SYS_futex,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_mremap,
    SYS_mincore,
    SYS_mlock,
    SYS_munlock,
    SYS_memfd_create,
    SYS_membarrier,
    // what is open
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
    SYS_fstatfs,
    SYS_dup,
    SYS_dup3,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fadvise64,
    SYS_fsync,
    SYS_fdatasync,
    SYS_pipe2,
    SYS_ppoll,
    SYS_pselect6,
    SYS_recvmsg,  // descriptors of output files, from who keeps the right to open them
    SYS_shutdown,
    // threads, children and signals
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_exit,
    SYS_exit_group,
    SYS_wait4,
    SYS_waitid,
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
    SYS_umask,
    // giving up more; who has no capability can gain none by these, nor become another user
    SYS_capget,
    SYS_capset,
    SYS_setresuid,
    SYS_setresgid,
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
    SYS_dup2,
    SYS_pipe,
    SYS_poll,
    SYS_select,
    SYS_alarm,
    SYS_pause,
    SYS_time,
    SYS_arch_prctl,
    SYS_getpgrp,
#endif
};
// Where something may be opened: looking for it.
constexpr int kAllowedToRead[] = {
    SYS_statx, SYS_statfs, SYS_getdents64, SYS_readlinkat, SYS_faccessat, SYS_faccessat2, SYS_getcwd,
#if defined(__x86_64__)
    SYS_stat,  SYS_lstat,  SYS_access,     SYS_readlink,
#endif
};
// What a program may miss is refused as that, not as unknown.
constexpr int kRefused[] = {
    SYS_execve,
    SYS_execveat,
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_sendto,
    SYS_sendmsg,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_bpf,
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_chroot,
    SYS_pivot_root,
    SYS_io_uring_setup,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_perf_event_open,
    SYS_kill,
    SYS_tkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_open,
    SYS_setuid,
    SYS_setgid,
    SYS_setgroups,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_fchownat,
    SYS_mknodat,
    SYS_sched_setaffinity,
    SYS_sched_setattr,
#if defined(__x86_64__)
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_mknod,
#endif
};
constexpr int kRefusedNames[] = {
    SYS_unlinkat, SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_mkdirat, SYS_truncate, SYS_utimensat,
#if defined(__x86_64__)
    SYS_renameat, SYS_unlink,    SYS_rename, SYS_link,      SYS_symlink, SYS_mkdir,    SYS_rmdir,
    SYS_creat,
#endif
};

void add_self_only(SeccompProgram& filter) {
  const auto self = static_cast<std::uint32_t>(getpid());
  filter.allow_where(SYS_tgkill, {{{0, self}}});  // raise, abort
  filter.allow_where(SYS_prlimit64, {{{0, 0}}, {{0, self}}});
  filter.allow_where(SYS_setpriority, {{{0, PRIO_PROCESS}, {1, 0}}});
  filter.allow_where(SYS_sched_setscheduler, {{{0, 0}}});
  filter.allow_where(SYS_seccomp, {{{0, SECCOMP_SET_MODE_FILTER}, {1, 0}}});
  filter.allow_where(SYS_prctl,
                     {{{0, PR_SET_NAME}},
                      {{0, PR_GET_NAME}},
                      {{0, PR_SET_PDEATHSIG}},
                      {{0, PR_SET_DUMPABLE}, {1, 0}},
                      {{0, PR_GET_DUMPABLE}},
                      {{0, PR_SET_NO_NEW_PRIVS}},
                      {{0, PR_SET_TIMERSLACK}},
                      {{0, PR_SET_VMA}}},
                     EINVAL);
  // Threads and children of the same namespaces: what glibc makes them with, and a child with a descriptor.
  constexpr std::uint32_t kNever =
      ~std::uint32_t{CSIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                     CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |
                     CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_PIDFD};
  filter.allow_where(SYS_clone, {{{0, 0, kNever}}});
}

void add_descriptors(SeccompProgram& filter) {
  // No owner of signals, lease, notification or lock: these reach others. To give up a lease lets others go
  // on.
  filter.allow_where(SYS_fcntl,
                     {{{1, F_DUPFD}},
                      {{1, F_DUPFD_CLOEXEC}},
                      {{1, F_GETFD}},
                      {{1, F_SETFD}},
                      {{1, F_GETFL}},
                      {{1, F_SETFL}, {2, 0, O_ASYNC}},
                      {{1, kSetLease}, {2, F_UNLCK}},
                      {{1, F_ADD_SEALS}},
                      {{1, F_GET_SEALS}},
                      {{1, F_SETPIPE_SZ}},
                      {{1, F_GETPIPE_SZ}}},
                     EINVAL);
  // What a terminal is asked; nothing that types into it.
  filter.allow_where(SYS_ioctl, {{{1, TCGETS}}, {{1, TIOCGWINSZ}}}, ENOTTY);
}

void add_opening(SeccompProgram& filter, bool reads) {
  // The C library's fstat, of an empty name.
  constexpr std::uint32_t kEmptyPath = AT_EMPTY_PATH;
  if (!reads) {
    filter.allow_where(SYS_newfstatat, {{{3, kEmptyPath, kEmptyPath}}}, EACCES);
    constexpr int kOpening[] = {
      SYS_openat,
#if defined(__x86_64__)
      SYS_open,
      SYS_stat,
      SYS_lstat,
      SYS_access,
      SYS_readlink,
#endif
    };
    filter.refuse(kOpening, EACCES);
    return;
  }
  constexpr std::uint32_t kToWrite = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
  filter.allow(kAllowedToRead);
  constexpr int kStatus[] = {SYS_newfstatat};
  filter.allow(kStatus);
  filter.allow_where(SYS_openat, {{{2, 0, kToWrite}}}, EACCES);
#if defined(__x86_64__)
  filter.allow_where(SYS_open, {{{1, 0, kToWrite}}}, EACCES);
#endif
}

// Linux 5.3 and later. Where nothing, or not /proc, can be opened, such descriptors can be had of children
// alone: others take pidfd_open, or the process's folder in /proc.
bool children_have_descriptors() {
  const int self = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
  if (self < 0) return false;
  close(self);
  return true;
}

// Connections that come to a socket which is open, and no others.
void add_answering(SeccompProgram& filter) {
  constexpr int kAnswering[] = {SYS_accept4, SYS_recvfrom};
  filter.allow(kAnswering);
  filter.allow_where(SYS_sendto, {{{4, 0}}}, EPERM);  // to who is connected: without an address
}

int install_filter(bool reads, bool by_descriptor, bool answers_connections) {
  SeccompProgram filter;
  filter.allow(kAllowed);
  if (answers_connections) add_answering(filter);
  if (by_descriptor) {
    constexpr int kSignal[] = {SYS_pidfd_send_signal};
    filter.allow(kSignal);
  }
  add_self_only(filter);
  add_descriptors(filter);
  add_opening(filter, reads);
  filter.refuse(kRefused, EPERM);
  filter.refuse(kRefusedNames, EACCES);
  return filter.install(ENOSYS);
}

// What only a thread can do to itself. Async-signal-safe.
struct ThreadOrder {
  int ruleset = -1;                                              // of Landlock
  std::atomic<int> capabilities{0}, privileges{0}, landlock{0};  // errno of the last that failed
  std::atomic<unsigned> obeyed{0};
};
ThreadOrder* g_order = nullptr;

void confine_this_thread(ThreadOrder& order) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_capset, &header, none) != 0) order.capabilities = errno;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) order.privileges = errno;
  if (order.ruleset >= 0 && syscall(SYS_landlock_restrict_self, order.ruleset, 0) != 0)
    order.landlock = errno;
}

extern "C" void on_thread_order(int) {
  const int before = errno;
  confine_this_thread(*g_order);
  ++g_order->obeyed;
  errno = before;
}

std::vector<pid_t> own_threads(DIR* tasks) {
  std::vector<pid_t> threads;
  rewinddir(tasks);
  while (const dirent* each = readdir(tasks))
    if (each->d_name[0] != '.') threads.push_back(std::atoi(each->d_name));
  return threads;
}

// False: it does not get the signal, and has not ended.
bool order_thread(pid_t thread, ThreadOrder& order, int signal) {
  const unsigned before = order.obeyed;
  if (syscall(SYS_tgkill, getpid(), thread, signal) != 0) return errno == ESRCH;
  for (int waited = 0; waited < 5000; ++waited) {
    if (order.obeyed != before) return true;
    const timespec nap{0, 100'000};
    nanosleep(&nap, nullptr);
  }
  return syscall(SYS_tgkill, getpid(), thread, 0) != 0;
}

// This thread and those that are there already, each by a signal, as setuid of the C library does it. One
// that was made by a thread before its turn is found by listing them again. False: some were not reached.
bool confine_all_threads(ThreadOrder& order) {
  // While it can be opened.
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"), closedir);
  confine_this_thread(order);
  if (!tasks) return false;
  std::set<pid_t> done{static_cast<pid_t>(syscall(SYS_gettid))};
  const int signal = SIGRTMAX - 1;
  struct sigaction action {
  }, before{};
  action.sa_handler = on_thread_order;
  action.sa_flags = SA_RESTART;
  g_order = &order;
  sigaction(signal, &action, &before);
  bool all = true;
  for (bool found = true; found;) {
    found = false;
    for (const pid_t thread : own_threads(tasks.get())) {
      if (!done.insert(thread).second) continue;
      found = true;
      all &= order_thread(thread, order, signal);
    }
  }
  sigaction(signal, &before, nullptr);
  return all;
}

// 0, or an errno. The C library does it for all threads.
int become_nobody() {
  if (setgroups(0, nullptr) != 0) return errno;
  if (setresgid(kNobody, kNobody, kNobody) != 0) return errno;
  if (setresuid(kNobody, kNobody, kNobody) != 0) return errno;
  return 0;
}

int g_own_maps = -1;

// What is open of other processes: their memory and page tables in /proc, and the process itself, by which it
// could be signalled. Who has such a descriptor keeps its number, which is of nothing then. False: it is not
// known which they are.
bool let_go_of_processes() {
  const std::unique_ptr<DIR, int (*)(DIR*)> all(opendir("/proc/self/fd"), closedir);
  const int nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (!all || nothing < 0) return false;
  bool done = true;
  while (const dirent* each = readdir(all.get())) {
    const int fd = std::atoi(each->d_name);
    if (fd <= STDERR_FILENO || fd == dirfd(all.get()) || fd == nothing || fd == g_own_maps) continue;
    char name[64];
    const ssize_t size = readlinkat(dirfd(all.get()), each->d_name, name, sizeof name);
    const std::string_view what(name, size < 0 ? 0 : static_cast<std::size_t>(size));
    if (what.starts_with("/proc/") || what == "anon_inode:[pidfd]" || what.starts_with("pidfd:"))
      done &= dup3(nothing, fd, O_CLOEXEC) == fd;
  }
  close(nothing);
  return done;
}

}  // namespace

std::string confine(const std::vector<std::string>& readable, bool answers_connections) {
  std::string why_not;
  const auto failed = [&](const std::string& what, int error) {
    if (error == 0) return;
    why_not += (why_not.empty() ? "" : "; ") + what + ": " + std::strerror(error);
  };
  const auto missing = [&](const std::string& what) { why_not += (why_not.empty() ? "" : "; ") + what; };
  if (g_own_maps < 0) g_own_maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  const bool has_descriptors = children_have_descriptors();
  ThreadOrder order;
  const int abi = landlock_abi();
  if (abi > 0) {
    // Before it becomes nobody, who may not look for a user's own fonts.
    order.ruleset = landlock_read_only(abi, readable);
    if (order.ruleset < 0) failed("Landlock cannot be used", errno);
  } else {
    missing("there is no Landlock here");
  }
  if (!let_go_of_processes()) missing("descriptors of other processes stay open");
  if (geteuid() == 0) failed("it cannot become nobody", become_nobody());
  if (!confine_all_threads(order)) missing("some threads were not reached");
  if (order.ruleset >= 0) close(order.ruleset);
  failed("capabilities cannot be dropped", order.capabilities);
  failed("no_new_privs cannot be set", order.privileges);
  failed("Landlock is refused", order.landlock);
  const bool by_descriptor = has_descriptors && (readable.empty() || abi > 0);
  if (!by_descriptor) missing("children can be signalled by none, and end by their limit of processor time");
  failed("a seccomp filter is refused",
         install_filter(!readable.empty(), by_descriptor, answers_connections));
  return why_not;
}

std::string own_maps() {
  const int file = g_own_maps >= 0 ? g_own_maps : open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  std::string text;
  char buffer[65536];
  while (file >= 0) {
    const ssize_t n = pread(file, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  if (file >= 0 && file != g_own_maps) close(file);
  return text;
}

}  // namespace heapglass
