#include "platform/process/permission_hint.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "platform/process/process.h"

namespace heapglass {
namespace {

std::uint64_t status_field(const std::string& status, const std::string& key, int base) {
  const std::size_t at = status.find("\n" + key + ":");
  return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + key.size() + 2, nullptr, base);
}

// The users of a namespace are those of the machine where one line maps them all.
bool maps_all_users(const std::string& uid_map) {
  char* at = nullptr;
  const unsigned long long inside = std::strtoull(uid_map.c_str(), &at, 10);
  const unsigned long long outside = std::strtoull(at, &at, 10);
  return uid_map.empty() || (inside == 0 && outside == 0 && std::strtoull(at, nullptr, 10) == 4294967295u);
}

const char kGetIt[] = "run with sudo, or in a container with --cap-add=SYS_PTRACE";

std::string of_yama(char scope) {
  const std::string is = std::string("kernel.yama.ptrace_scope is ") + scope;
  switch (scope) {
    case '1':
      return is + ", which lets a user look at descendants only: CAP_SYS_PTRACE is needed (" + kGetIt +
             "), or a scope of 0";
    case '2':
      return is + ", which asks for CAP_SYS_PTRACE: " + kGetIt;
    case '3':
      return is + ": nobody may look into a process until the next boot";
  }
  return "";
}

}  // namespace

std::string permission_hint(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string own = read_proc_file("/proc/self/status"), its = read_proc_file(folder + "/status");
  const std::string yama = read_proc_file("/proc/sys/kernel/yama/ptrace_scope");
  const char scope = yama.empty() ? '0' : yama[0];
  const std::uint64_t owner = status_field(its, "Uid", 10);
  const bool filtered = status_field(own, "Seccomp", 10) != 0;
  if (status_field(own, "CapEff", 16) >> CAP_SYS_PTRACE & 1) {
    if (scope == '3') return of_yama(scope);
    const std::string map = read_proc_file("/proc/self/uid_map");
    if (!maps_all_users(map) && map != read_proc_file(folder + "/uid_map"))
      return "CAP_SYS_PTRACE is there, but only for the user namespace that heapglass runs in, and this "
             "process is in another: run outside of that container";
    if (filtered)
      return "CAP_SYS_PTRACE is there; heapglass runs under a seccomp filter, which may refuse it: in a "
             "container try --security-opt seccomp=unconfined";
    return "CAP_SYS_PTRACE is there: a security module (AppArmor, SELinux) may refuse it, its log tells";
  }
  if (owner != geteuid() && geteuid() != 0)
    return "it belongs to uid " + std::to_string(owner) +
           ": run as that user, or with CAP_SYS_PTRACE: " + kGetIt;
  if (owner != geteuid())
    return "CAP_SYS_PTRACE is missing, root or not, and it belongs to uid " + std::to_string(owner) + ": " +
           kGetIt;
  if (scope != '0') return of_yama(scope);
  if (status_field(its, "CapPrm", 16) & ~status_field(own, "CapPrm", 16))
    return "it is of the same user, but has capabilities that heapglass has not, so that CAP_SYS_PTRACE is "
           "needed: " +
           std::string(kGetIt);
  struct stat its_folder {};
  if (stat(folder.c_str(), &its_folder) == 0 && its_folder.st_uid != owner)
    return "it is of the same user, but has changed its user or made itself undumpable (prctl), so that "
           "CAP_SYS_PTRACE is needed: " +
           std::string(kGetIt);
  if (filtered)
    return "heapglass runs under a seccomp filter, which may refuse it: in a container try "
           "--cap-add=SYS_PTRACE or --security-opt seccomp=unconfined";
  return std::string("CAP_SYS_PTRACE may be needed: ") + kGetIt;
}

Absence diagnose_missing_process(pid_t pid) {
  if (access("/proc/self/stat", R_OK) != 0)
    return {"there is no /proc here", "mount -t proc proc /proc, or run where it is mounted"};
  if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
    return {"/proc hides it (hidepid)",
            "run as its user, with sudo, or in the group that /proc is mounted for"};
  return {"there is no such process",
          "see `ps` for the processes that run here; inside a container pids are its own"};
}

}  // namespace heapglass
