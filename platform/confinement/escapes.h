// For tests: what code would do that took over a process of ours, and whether it came to anything. Each
// attempt is made in the process that is tested; what they did is looked at from outside as well.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace heapglass {

// A folder with files and a process, of `owner`, for somebody to do harm to.
class Prey {
 public:
  explicit Prey(uid_t owner) : owner_(owner) {
    char name[] = "/tmp/heapglass-prey-XXXXXX";
    folder_ = mkdtemp(name);
    for (const char* file : {"program", "secret", "output-folder/mine", "other-folder/theirs"}) {
      const std::filesystem::path path = folder_ / file;
      std::filesystem::create_directories(path.parent_path());
      std::ofstream(path) << "untouched";
    }
    chmod(in("program").c_str(), 0755);
    chmod(in("secret").c_str(), 0600);
    for (const auto& each : std::filesystem::recursive_directory_iterator(folder_))
      give(each.path().string());
    give(folder_.string());
    chmod(folder_.c_str(), 0755);
    before_ = look();
    int ready[2];
    if (pipe(ready) != 0) std::abort();
    victim_ = fork();
    if (victim_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      setsid();
      if (geteuid() == 0 && owner_ != 0 &&
          (setgroups(0, nullptr) != 0 || setresgid(owner_, owner_, owner_) != 0 ||
           setresuid(owner_, owner_, owner_) != 0))
        _exit(1);
      prctl(PR_SET_DUMPABLE, 1);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(ready[0]);
      close(ready[1]);
      while (true) pause();
    }
    char byte;
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 0) std::abort();
    close(ready[0]);
    program_ = open(in("program").c_str(), O_RDONLY | O_CLOEXEC);
    output_folder_ = open(in("output-folder").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    limits_ = limits();
    priority_ = getpriority(PRIO_PROCESS, static_cast<id_t>(victim_));
    sched_getaffinity(victim_, sizeof processors_, &processors_);
  }
  ~Prey() {
    kill(victim_, SIGKILL);
    waitpid(victim_, nullptr, 0);
    close(program_);
    close(output_folder_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Prey(const Prey&) = delete;
  Prey& operator=(const Prey&) = delete;

  std::string in(const std::string& name) const { return (folder_ / name).string(); }
  pid_t victim() const { return victim_; }
  int program() const { return program_; }
  int output_folder() const { return output_folder_; }

  // From outside: what has happened to it. Empty: nothing.
  std::string harm() const {
    std::string what;
    if (look() != before_) what += "files: " + before_ + " -> " + look() + "; ";
    if (waitpid(victim_, nullptr, WNOHANG) != 0 || kill(victim_, 0) != 0) return what + "its process ended; ";
    if (limits() != limits_) what += "its limits changed: " + limits();
    if (getpriority(PRIO_PROCESS, static_cast<id_t>(victim_)) != priority_) what += "its priority changed; ";
    if (sched_getscheduler(victim_) != SCHED_OTHER) what += "its scheduling changed; ";
    cpu_set_t processors;
    sched_getaffinity(victim_, sizeof processors, &processors);
    if (!CPU_EQUAL(&processors, &processors_)) what += "its processors changed; ";
    std::ifstream status("/proc/" + std::to_string(victim_) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("TracerPid:") && line != "TracerPid:\t0") what += "it is traced; ";
    return what;
  }

 private:
  // As text: to ask by prlimit takes a capability.
  std::string limits() const {
    std::ifstream file("/proc/" + std::to_string(victim_) + "/limits");
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }
  void give(const std::string& path) const {
    if (geteuid() == 0 && lchown(path.c_str(), owner_, owner_) != 0) std::abort();
  }
  // Names, modes, owners, sizes, links and times of all that is there.
  std::string look() const {
    std::vector<std::string> found;
    for (const auto& each : std::filesystem::recursive_directory_iterator(folder_)) {
      struct stat s {};
      lstat(each.path().c_str(), &s);
      found.push_back(each.path().filename().string() + " " + std::to_string(s.st_mode) + " " +
                      std::to_string(s.st_uid) + ":" + std::to_string(s.st_gid) + " " +
                      std::to_string(S_ISREG(s.st_mode) ? s.st_size : 0) + " " + std::to_string(s.st_nlink) +
                      " " + std::to_string(s.st_mtim.tv_sec));
    }
    std::sort(found.begin(), found.end());
    std::string all;
    for (const std::string& each : found) all += each + ", ";
    return all;
  }

  uid_t owner_;
  std::filesystem::path folder_;
  pid_t victim_ = -1;
  int program_ = -1, output_folder_ = -1, priority_ = 0;
  cpu_set_t processors_{};
  std::string before_, limits_;
};

// Makes every attempt, and returns those that were let through.
class Escapes {
 public:
  Escapes(const Prey& prey, pid_t parent) : prey_(prey), parent_(parent) {}

  std::string all() {
    reading();
    return all_but_reading();
  }
  // Those alone that change or reach something: where reading is granted.
  std::string all_but_reading() {
    modes_and_owners();
    writing();
    names();
    processes();
    memory_of_others();
    sockets();
    descriptors();
    privileges();
    kernel();
    return through_;
  }

 private:
  // A call that may not succeed. What fails for another reason than being refused would tell nothing.
  void attempt(const std::string& what, long result) {
    const int error = errno;
    if (result != -1) {
      through_ += what + "; ";
    } else if (error != EPERM && error != EACCES && error != ENOSYS && error != EXDEV && error != EROFS &&
               error != ESRCH) {
      through_ += what + " failed by itself (" + std::strerror(error) + "); ";
    }
  }
  // One that the filter answers with an error that libraries expect.
  void attempt(const std::string& what, long result, int error) {
    if (result == -1 && errno == error) return;
    attempt(what, result);
  }
  void opens(const std::string& what, int fd) {
    attempt(what, fd);
    if (fd >= 0) close(fd);
  }
  std::string proc(pid_t pid, const char* file) const { return "/proc/" + std::to_string(pid) + "/" + file; }

  void modes_and_owners() {
    const std::string program = prey_.in("program");
    attempt("fchmod of a descriptor", fchmod(prey_.program(), 04755));
    attempt("fchmodat", syscall(SYS_fchmodat, AT_FDCWD, program.c_str(), 04755));
    attempt("fchmodat2", syscall(452, AT_FDCWD, program.c_str(), 04755, 0));
    attempt("fchmodat in the output folder", syscall(SYS_fchmodat, prey_.output_folder(), "mine", 04755));
    attempt("fchown of a descriptor", fchown(prey_.program(), 1, 1));
    attempt("fchownat", fchownat(AT_FDCWD, program.c_str(), 1, 1, 0));
    attempt("fchownat of a descriptor", fchownat(prey_.program(), "", 1, 1, AT_EMPTY_PATH));
    attempt("fsetxattr", fsetxattr(prey_.program(), "user.x", "x", 1, 0));
    attempt("setxattr", setxattr(program.c_str(), "user.x", "x", 1, 0));
    attempt("futimens", futimens(prey_.program(), nullptr));
#if defined(__x86_64__)
    attempt("chmod", syscall(SYS_chmod, program.c_str(), 04755));
    attempt("chown", syscall(SYS_chown, program.c_str(), 1, 1));
    attempt("lchown", syscall(SYS_lchown, program.c_str(), 1, 1));
#endif
  }

  void reading() {
    for (const char* file : {"secret", "program", "output-folder/mine", "other-folder", "."})
      opens(std::string("open of ") + file, open(prey_.in(file).c_str(), O_RDONLY));
    opens("openat in the output folder", openat(prey_.output_folder(), "mine", O_RDONLY));
    opens("openat out of the output folder", openat(prey_.output_folder(), "../secret", O_RDONLY));
    for (const char* file : {"/etc/shadow", "/etc/passwd", "/proc/self/mem", "/proc/self/environ",
                             "/proc/1/environ", "/proc/1/root/etc/passwd", "/proc/kcore", "/dev/kmsg"})
      opens(std::string("open of ") + file, open(file, O_RDONLY));
    for (const char* file : {"environ", "mem", "maps", "fd", "root", "cwd"}) {
      opens(std::string("open of the parent's ") + file, open(proc(parent_, file).c_str(), O_RDONLY));
      opens(std::string("open of the victim's ") + file, open(proc(prey_.victim(), file).c_str(), O_RDONLY));
    }
    struct {
      std::uint64_t flags, mode, resolve;
    } how{O_RDONLY, 0, 0};
    opens("openat2", static_cast<int>(syscall(437, AT_FDCWD, prey_.in("program").c_str(), &how, sizeof how)));
#if defined(__x86_64__)
    opens("plain open", static_cast<int>(syscall(SYS_open, prey_.in("program").c_str(), O_RDONLY)));
#endif
    opens("open by handle", static_cast<int>(syscall(SYS_open_by_handle_at, AT_FDCWD, &how, O_RDONLY)));
    attempt("reading its directory", syscall(SYS_getdents64, prey_.output_folder(), &how, 0), EINVAL);
  }

  void writing() {
    const std::string there = prey_.in("program"), made = prey_.in("other-folder/made");
    opens("open to write", open(there.c_str(), O_WRONLY));
    opens("open to read and write", open(there.c_str(), O_RDWR));
    opens("open that cuts short", open(there.c_str(), O_RDONLY | O_TRUNC));
    opens("open that makes", open(made.c_str(), O_WRONLY | O_CREAT, 0600));
    opens("open to read that makes", open(made.c_str(), O_RDONLY | O_CREAT, 0600));
    opens("open without a name", open(prey_.in("other-folder").c_str(), O_TMPFILE | O_RDWR, 0600));
    opens("open that makes in the output folder",
          openat(prey_.output_folder(), "made", O_WRONLY | O_CREAT, 0600));
    opens("open of the victim's memory to write", open(proc(prey_.victim(), "mem").c_str(), O_RDWR));
    opens("open of its own score to write", open("/proc/self/oom_score_adj", O_WRONLY));
    attempt("truncate", truncate(there.c_str(), 0));
    attempt("ftruncate of what is open to read", ftruncate(prey_.program(), 0), EINVAL);
#if defined(__x86_64__)
    opens("creat", static_cast<int>(syscall(SYS_creat, made.c_str(), 0600)));
#endif
  }

  void names() {
    const std::string made = prey_.in("other-folder/made"), there = prey_.in("other-folder/theirs");
    const std::string mine = prey_.in("output-folder/mine");
    attempt("mkdirat", mkdirat(AT_FDCWD, made.c_str(), 0700));
    attempt("mkdirat in the output folder", mkdirat(prey_.output_folder(), "made", 0700));
    attempt("mknodat of a pipe", mknodat(AT_FDCWD, made.c_str(), S_IFIFO | 0600, 0));
    attempt("mknodat of a device", mknodat(AT_FDCWD, made.c_str(), S_IFCHR | 0600, 1 << 8 | 3));
    attempt("symlinkat", symlinkat("/etc/passwd", AT_FDCWD, made.c_str()));
    attempt("linkat out of the output folder", linkat(AT_FDCWD, mine.c_str(), AT_FDCWD, made.c_str(), 0));
    attempt("linkat of a descriptor",
            linkat(prey_.program(), "", prey_.output_folder(), "made", AT_EMPTY_PATH));
    attempt("renameat", syscall(SYS_renameat, AT_FDCWD, there.c_str(), AT_FDCWD, made.c_str()));
    attempt("renameat2 out of the output folder",
            syscall(SYS_renameat2, AT_FDCWD, mine.c_str(), AT_FDCWD, made.c_str(), 0));
    attempt("unlinkat", unlinkat(AT_FDCWD, there.c_str(), 0));
    attempt("unlinkat in the output folder", unlinkat(prey_.output_folder(), "mine", 0));
    attempt("chdir", chdir("/"));
    attempt("fchdir", fchdir(prey_.output_folder()));
    attempt("chroot", chroot(prey_.in("output-folder").c_str()));
    attempt("mount", syscall(SYS_mount, "none", prey_.in("other-folder").c_str(), "tmpfs", 0, nullptr));
    attempt("umount2", syscall(SYS_umount2, prey_.in("other-folder").c_str(), 0));
    attempt("open_tree", syscall(428, AT_FDCWD, prey_.in("other-folder").c_str(), 1));
#if defined(__x86_64__)
    attempt("mkdir", syscall(SYS_mkdir, made.c_str(), 0700));
    attempt("mknod", syscall(SYS_mknod, made.c_str(), S_IFIFO | 0600, 0));
    attempt("symlink", syscall(SYS_symlink, "/etc/passwd", made.c_str()));
    attempt("link", syscall(SYS_link, mine.c_str(), made.c_str()));
    attempt("rename", syscall(SYS_rename, there.c_str(), made.c_str()));
    attempt("unlink", syscall(SYS_unlink, there.c_str()));
    attempt("rmdir", syscall(SYS_rmdir, prey_.in("other-folder").c_str()));
#endif
  }

  void processes() {
    const pid_t victim = prey_.victim();
    const auto wide = [](pid_t pid) { return std::uint64_t{1} << 32 | static_cast<std::uint32_t>(pid); };
    siginfo_t info{};
    info.si_code = SI_QUEUE;
    attempt("kill", kill(victim, SIGKILL));
    attempt("kill with more than 32 bits", syscall(SYS_kill, wide(victim), SIGKILL));
    attempt("kill of its group", kill(-victim, SIGKILL));
    attempt("kill of our own group", kill(0, 0));
    attempt("tkill", syscall(SYS_tkill, victim, SIGKILL));
    attempt("tgkill", syscall(SYS_tgkill, victim, victim, SIGKILL));
    attempt("tgkill with more than 32 bits", syscall(SYS_tgkill, wide(victim), victim, SIGKILL));
    attempt("tgkill of any group", syscall(SYS_tgkill, -1, victim, SIGKILL));
    attempt("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, victim, SIGKILL, &info));
    attempt("rt_tgsigqueueinfo", syscall(SYS_rt_tgsigqueueinfo, victim, victim, SIGKILL, &info));
    const int process = static_cast<int>(syscall(434 /* pidfd_open */, victim, 0));
    attempt("pidfd_open", process);
    if (process >= 0) attempt("pidfd_send_signal", syscall(424, process, SIGKILL, nullptr, 0));
    const int folder = open(("/proc/" + std::to_string(victim)).c_str(), O_RDONLY | O_DIRECTORY);
    if (folder >= 0) attempt("pidfd_send_signal by /proc", syscall(424, folder, SIGKILL, nullptr, 0));
    const rlimit few{16, 16};
    attempt("prlimit64", prlimit(victim, RLIMIT_NOFILE, &few, nullptr));
    attempt("prlimit64 that only looks", prlimit(victim, RLIMIT_NOFILE, nullptr, &limits_));
    attempt("setpriority", setpriority(PRIO_PROCESS, static_cast<id_t>(victim), 19));
    attempt("setpriority of its group", setpriority(PRIO_PGRP, static_cast<id_t>(victim), 19));
    attempt("setpriority of our group", setpriority(PRIO_PGRP, 0, 19));
    attempt("setpriority of a user", setpriority(PRIO_USER, 0, 19));
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    attempt("sched_setaffinity", sched_setaffinity(victim, sizeof first, &first));
    const sched_param none{};
    attempt("sched_setscheduler", sched_setscheduler(victim, SCHED_IDLE, &none));
    attempt("sched_setparam", sched_setparam(victim, &none));
    attempt("ioprio_set", syscall(SYS_ioprio_set, 1, victim, 3 << 13));
    attempt("setpgid", setpgid(victim, 0));
    attempt("migrate_pages", syscall(SYS_migrate_pages, victim, 0, nullptr, nullptr));
    attempt("prctl of core scheduling", prctl(62, 2 /* share to */, victim, 0, 0), EINVAL);
  }

  void memory_of_others() {
    for (const pid_t pid : {prey_.victim(), parent_}) {
      char byte = 0;
      const iovec local{&byte, 1};
      attempt("process_vm_readv", process_vm_readv(pid, &local, 1, &local, 1, 0));
      attempt("process_vm_writev", process_vm_writev(pid, &local, 1, &local, 1, 0));
      attempt("ptrace attach", ptrace(PTRACE_ATTACH, pid, nullptr, nullptr));
      attempt("ptrace seize", ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
      attempt("kcmp", syscall(SYS_kcmp, pid, pid, 0, 0, 0));
    }
    attempt("pidfd_getfd", syscall(438, prey_.program(), 0, 0));
    attempt("process_madvise", syscall(440, prey_.program(), nullptr, 0, 0, 0));
    attempt("ptrace traceme", ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  }

  void sockets() {
    for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG})
      for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW})
        opens("socket of family " + std::to_string(family), socket(family, type, 0));
    int pair[2];
    attempt("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    sockaddr_un abstract{AF_UNIX, "\0heapglass"};
    attempt("connect", connect(prey_.program(), reinterpret_cast<sockaddr*>(&abstract), sizeof abstract));
    attempt("bind", bind(prey_.program(), reinterpret_cast<sockaddr*>(&abstract), sizeof abstract));
    attempt("sendto", sendto(prey_.program(), "x", 1, 0, reinterpret_cast<sockaddr*>(&abstract), 20));
    msghdr message{};
    attempt("sendmsg", sendmsg(prey_.program(), &message, 0));
  }

  void descriptors() {
    const int fd = prey_.program(), owner = prey_.victim();
    attempt("fcntl F_SETOWN", fcntl(fd, F_SETOWN, owner), EINVAL);
    attempt("fcntl F_SETSIG", fcntl(fd, 10 /* F_SETSIG */, SIGKILL), EINVAL);
    attempt("fcntl F_SETLEASE", fcntl(fd, 1024 /* F_SETLEASE */, F_RDLCK), EINVAL);
    attempt("fcntl F_NOTIFY", fcntl(prey_.output_folder(), 1026 /* F_NOTIFY */, 1), EINVAL);
    attempt("fcntl O_ASYNC", fcntl(fd, F_SETFL, O_ASYNC), EINVAL);
    attempt("ioctl FIOSETOWN", ioctl(fd, 0x8901 /* FIOSETOWN */, &owner), ENOTTY);
    attempt("ioctl TIOCSTI", ioctl(0, TIOCSTI, "x"), ENOTTY);
    attempt("flock", syscall(SYS_flock, fd, 2 | 4));
    attempt("inotify", syscall(SYS_inotify_init1, 0));
    attempt("fanotify", syscall(SYS_fanotify_init, 0, 0));
    const int program = memfd_create("program", 0);
    char* const arguments[] = {const_cast<char*>("true"), nullptr};
    if (write(program, "#!/bin/true\n", 12) != 12) through_ += "memfd cannot be written; ";
    attempt("execveat of a memfd", syscall(SYS_execveat, program, "", arguments, nullptr, AT_EMPTY_PATH));
    attempt("execve", execve("/bin/true", arguments, nullptr));
    close(program);
  }

  void privileges() {
    attempt("setresuid to root", setresuid(0, 0, 0));
    attempt("setresgid to root", setresgid(0, 0, 0));
    attempt("setuid", syscall(SYS_setuid, 0));
    attempt("setgroups", syscall(SYS_setgroups, 1, "\0\0\0"));
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct some[2] = {};
    some[0].effective = some[0].permitted = 1u << CAP_SYS_PTRACE;
    attempt("capset", syscall(SYS_capset, &header, some));
    attempt("prctl PR_SET_PTRACER", prctl(0x59616d61, -1, 0, 0, 0), EINVAL);
    attempt("prctl PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), EINVAL);
    attempt("prctl PR_SET_MM", prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0), EINVAL);
    attempt("prctl PR_SET_CHILD_SUBREAPER", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), EINVAL);
    attempt("prctl PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), EINVAL);
    attempt("prctl PR_SET_KEEPCAPS", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), EINVAL);
    attempt("unshare of users", unshare(CLONE_NEWUSER));
    attempt("clone with new users",
            syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0));
    attempt("clone with new mounts", syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, nullptr, nullptr, nullptr, 0));
    attempt("clone that shares its parent",
            syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, 0));
    attempt("clone3", syscall(SYS_clone3, nullptr, 0));
    attempt("setns", setns(prey_.program(), 0));
    attempt("seccomp listener", syscall(SYS_seccomp, 1, 8 /* NEW_LISTENER */, nullptr));
  }

  void kernel() {
    char nothing[256] = {};
    attempt("io_uring_setup", syscall(SYS_io_uring_setup, 1, nothing));
    attempt("bpf", syscall(SYS_bpf, 0, nothing, sizeof nothing));
    attempt("perf_event_open", syscall(SYS_perf_event_open, nothing, prey_.victim(), -1, -1, 0));
    attempt("keyctl", syscall(SYS_keyctl, 0, -3, 1));
    attempt("add_key", syscall(SYS_add_key, "user", "heapglass", "x", 1, -3));
    attempt("request_key", syscall(SYS_request_key, "user", "heapglass", nullptr, -3));
    attempt("userfaultfd", syscall(SYS_userfaultfd, 0));
    attempt("init_module", syscall(SYS_init_module, nothing, 0, ""));
    attempt("finit_module", syscall(SYS_finit_module, prey_.program(), "", 0));
    attempt("kexec_load", syscall(SYS_kexec_load, 0, 0, nullptr, 0));
    attempt("sethostname", syscall(SYS_sethostname, "heapglass", -1));
    attempt("swapoff", syscall(SYS_swapoff, "/nowhere"));
    attempt("acct", syscall(SYS_acct, "/nowhere"));
    attempt("syslog", syscall(SYS_syslog, 10, nullptr, 0));
    attempt("msgget", syscall(SYS_msgget, 0, 01600));
    attempt("shmget", syscall(SYS_shmget, 0, 4096, 01600));
    attempt("mq_open", syscall(SYS_mq_open, "heapglass", O_CREAT | O_RDWR, 0600, nullptr));
#if defined(__x86_64__)
    attempt("iopl", syscall(SYS_iopl, 3));
    attempt("a call of x32", syscall(0x40000000 | SYS_getpid));
#endif
  }

  const Prey& prey_;
  const pid_t parent_;
  rlimit limits_{};
  std::string through_;
};

}  // namespace heapglass
