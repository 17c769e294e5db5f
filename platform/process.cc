#include "platform/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "lib/base/error.h"
#include "platform/missing_right.h"
#include "platform/proc_maps.h"
#include "platform/proc_text.h"
#include "platform/regular_file.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434  // Linux 5.3
#endif

namespace heapglass {
namespace {

std::string proc(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

std::string read_proc_file(const std::string& path) {
  std::string text;
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return text;
  char buffer[65536];
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

bool read_proc_stat(pid_t pid, ProcStat& out) {
  const std::string text = read_proc_file(proc(pid, "stat"));
  // The command is in parentheses and may hold any character, parentheses among them.
  const std::size_t close_at = text.rfind(')');
  if (close_at == std::string::npos) return false;
  unsigned flags = 0;
  unsigned long long start = 0;
  const int n = std::sscanf(text.c_str() + close_at + 1,
                            " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                            &out.state, &flags, &start);
  out.flags = flags;
  out.start_time = start;
  return n == 3;
}

Process Process::open(pid_t pid) {
  const std::string who = "process " + std::to_string(pid);
  ProcStat stat;
  if (pid <= 0 || !read_proc_stat(pid, stat)) {
    const Absence absence = why_absent(pid);
    throw Error(ErrorKind::kUnreachable, "cannot look at " + who + ": " + absence.found, absence.hint);
  }
  Process process;
  process.pid_ = pid;
  const std::string status = read_proc_file(proc(pid, "status"));
  if (const std::uint64_t group = number_after(status, "Tgid:");
      group && group != static_cast<std::uint64_t>(pid)) {
    process.pid_ = static_cast<pid_t>(group);  // the id of one of its threads
    if (!read_proc_stat(process.pid_, stat))
      throw Error(ErrorKind::kUnreachable, "cannot look at " + who + ": its process is gone");
  }
  process.start_time_ = stat.start_time;
  if (stat.state == 'Z' || stat.state == 'X')
    throw Error(ErrorKind::kUnreachable, "cannot look at " + who + ": it has ended and is a zombie",
                "its memory is gone; only its parent can remove it");
  constexpr std::uint32_t kKernelThread = 0x00200000;  // PF_KTHREAD
  if (stat.flags & kKernelThread)
    throw Error(ErrorKind::kUnreachable, "cannot look at " + who + ": it is a kernel thread",
                "give the process id of a Python program");
  process.mem_ = FileDescriptor(::open(proc(process.pid_, "mem").c_str(), O_RDONLY | O_CLOEXEC));
  const int error = errno;
  if (!process.mem_ && !process.readable_by_call()) {
    if (error == ENOENT || error == ESRCH)
      throw Error(ErrorKind::kUnreachable, "cannot look at " + who + ": it has just exited");
    throw Error(ErrorKind::kUnreachable, "cannot read the memory of " + who + ": " + std::strerror(error),
                missing_right(process.pid_));
  }
  process.itself_ = FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, process.pid_, 0)));
  return process;
}

// The file /proc/PID/mem is its owner's, whoever may trace; the call asks for that right alone.
bool Process::readable_by_call() const {
  for (const Mapping& m : parse_proc_maps(read_proc_file(proc(pid_, "maps")))) {
    char byte = 0;
    const iovec local{&byte, 1}, remote{reinterpret_cast<void*>(value(m.start)), 1};
    if (m.readable && process_vm_readv(pid_, &local, 1, &remote, 1, 0) == 1) return true;
  }
  return false;
}

void Process::check_alive() const {
  constexpr std::uint32_t kExiting = 0x00000004;  // PF_EXITING: its memory has gone, or is going
  ProcStat stat;
  if (!read_proc_stat(pid_, stat) || stat.state == 'Z' || stat.state == 'X' || stat.flags & kExiting)
    throw Error(ErrorKind::kUnreachable,
                "process " + std::to_string(pid_) + " exited while it was looked at");
  pollfd ended{itself_.get(), POLLIN, 0};
  if (stat.start_time != start_time_ || (itself_ && poll(&ended, 1, 0) > 0))
    throw Error(ErrorKind::kUnreachable, "process " + std::to_string(pid_) +
                                             " exited while it was looked at, and its pid is another's now");
}

std::string Process::executable() const {
  char path[4096];
  const ssize_t n = readlink(proc(pid_, "exe").c_str(), path, sizeof path);
  return n < 0 ? std::string() : std::string(path, static_cast<std::size_t>(n));
}

std::string Process::command_line() const {
  std::string text = read_proc_file(proc(pid_, "cmdline"));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  for (char& c : text)
    if (c == '\0') c = ' ';
  return text;
}

std::uint64_t Process::resident_bytes() const {
  return number_after(read_proc_file(proc(pid_, "status")), "VmRSS:") * 1024;
}

bool Process::owned_by_caller() const {
  return number_after(read_proc_file(proc(pid_, "status")), "Uid:") == geteuid();
}

Mappings Process::mappings() const {
  const std::string text = read_proc_file(proc(pid_, "maps"));
  if (text.empty()) {
    check_alive();
    throw Error(ErrorKind::kUnreachable, "cannot read the memory map of process " + std::to_string(pid_),
                missing_right(pid_));
  }
  return parse_proc_maps(text);
}

FileDescriptor Process::open_mapped_file(const Mapping& mapping) const {
  char name[64];
  std::snprintf(name, sizeof name, "map_files/%" PRIx64 "-%" PRIx64, value(mapping.start),
                value(mapping.end));
  // map_files is the mapped file itself, deleted or not, in whatever mount namespace; it needs a capability.
  FileDescriptor fd = open_regular_file(proc(pid_, name));
  if (fd) return fd;
  if (mapping.deleted) {
    // A replaced executable can still be had by the process's own link to it.
    fd = open_regular_file(proc(pid_, "exe"));
  } else {
    fd = open_regular_file_in(proc(pid_, "root"), mapping.path);
  }
  struct stat file;
  // Device numbers of maps and stat differ on some file systems (btrfs, overlayfs); the inode has to agree.
  if (!fd || fstat(fd.get(), &file) != 0 || !S_ISREG(file.st_mode) || file.st_ino != mapping.inode)
    return FileDescriptor();
  return fd;
}

bool Process::read(Address from, std::span<std::byte> to) const {
  const iovec local{to.data(), to.size()};
  const iovec remote{reinterpret_cast<void*>(value(from)), to.size()};
  if (process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(to.size())) return true;
  if (!mem_ || value(from) > std::uint64_t{1} << 62) return false;
  return pread(mem_.get(), to.data(), to.size(), static_cast<off_t>(value(from))) ==
         static_cast<ssize_t>(to.size());
}

}  // namespace heapglass
