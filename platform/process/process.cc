#include "platform/process/process.h"

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
#include <sstream>

#include "lib/base/error.h"
#include "lib/target/target.h"
#include "platform/files/regular_file.h"
#include "platform/process/file_answers.h"
#include "platform/process/permission_hint.h"
#include "platform/process/proc_maps.h"
#include "platform/process/proc_text.h"
#include "platform/process/resident_memory.h"
#include "platform/process/threads.h"
#include "platform/process/wait_limit.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434  // Linux 5.3
#endif

namespace heapglass {
namespace {

std::string proc(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

bool has_ended(const ProcStat& stat) { return stat.state == 'Z' || stat.state == 'X'; }

// Documentation/filesystems/proc.rst: start_code, end_code and start_stack are fields 26 to 28 of stat, the
// 24th to 26th behind the name. Zero or one where this user may not know them.
std::string program_of(pid_t pid) {
  const std::string stat = read_proc_file(proc(pid, "stat"));
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return "";
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field, program;
  for (int i = 1; i <= 26 && fields >> field; ++i)
    if (i >= 24) program += field + " ";
  return program;
}

// Of the auxiliary vector, pairs of words: the first is a small number, so that the upper half of a word of
// 64 bits is zero, where two words of 32 bits have a value. The program's file need not be read for that.
bool is_32_bit(pid_t pid) {
  const std::string vector = read_proc_file(proc(pid, "auxv"));
  std::uint32_t upper = 0;
  if (vector.size() < 16) return false;
  std::memcpy(&upper, vector.data() + sizeof upper, sizeof upper);
  return upper != 0;
}

}  // namespace

std::string read_proc_file(const std::string& path) {
  const WaitLimit limit(WaitLimit::kRead);
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
    const Absence absence = diagnose_missing_process(pid);
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
  process.id_ = process.pid_;
  if (has_ended(stat) && process.find_live_thread()) read_proc_stat(process.pid_, stat);
  process.start_time_ = stat.start_time;
  if (has_ended(stat))
    throw Error(ErrorKind::kUnreachable, "cannot look at " + who + ": it has ended and is a zombie",
                "its memory is gone; only its parent can remove it");
  constexpr std::uint32_t kKernelThread = 0x00200000;  // PF_KTHREAD
  if (stat.flags & kKernelThread)
    throw Error(ErrorKind::kUnreachable, "cannot look at " + who + ": it is a kernel thread",
                "give the process id of a Python program");
  if (is_32_bit(process.pid_))
    throw Error(ErrorKind::kNotPython, who + " is a 32-bit program, which heapglass does not read",
                "it reads 64-bit programs");
  process.program_ = program_of(process.pid_);
  process.mem_ = FileDescriptor(::open(proc(process.pid_, "mem").c_str(), O_RDONLY | O_CLOEXEC));
  const int error = errno;
  if (!process.mem_ && !process.readable_by_call()) {
    if (error == ENOENT || error == ESRCH)
      throw Error(ErrorKind::kUnreachable, "cannot look at " + who + ": it has just exited");
    throw Error(ErrorKind::kUnreachable, "cannot read the memory of " + who + ": " + std::strerror(error),
                permission_hint(process.pid_));
  }
  if (!process.mem_) process.refuse_if_shared();
  process.itself_ = FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, process.id_, 0)));
  return process;
}

// To read by the call alone would give it copies of its own of what it shares, and which pages those are is
// in a file that cannot be opened either. /proc/PID/smaps, which asks for the right to trace, tells how much
// there is.
void Process::refuse_if_shared() const {
  ResidentMemory memory;
  read_sharing(pid_, memory);
  const std::uint64_t shared = memory.anonymous_mapped_by_others;
  if (shared == 0) return;
  throw Error(
      ErrorKind::kUnreachable,
      "process " + std::to_string(pid_) + " was not read: it shares up to " + std::to_string(shared / 1024) +
          " kB of its memory with processes that it was forked from or has forked, and with the rights "
          "of heapglass here it would get copies of its own",
      "run as its user or with CAP_DAC_READ_SEARCH, which /proc/PID/mem and /proc/PID/pagemap ask for");
}

// The file /proc/PID/mem is its owner's, whoever may trace; the call asks for that right alone.
bool Process::readable_by_call() const {
  for (const Mapping& m : parse_proc_maps(read_proc_file(proc(pid_, "maps")))) {
    char byte = 0;
    const iovec local{&byte, 1}, remote{reinterpret_cast<void*>(value(m.start)), 1};
    // Of a file, which is shared as a file is.
    if (m.readable && !m.writable && m.has_file() && read_pinned(&local, &remote, 1) == 1) return true;
  }
  return false;
}

bool Process::find_live_thread() {
  constexpr std::uint32_t kExiting = 0x00000004;  // PF_EXITING
  for (const pid_t tid : list_threads(id_)) {
    ProcStat stat;
    if (!read_proc_stat(tid, stat) || has_ended(stat) || stat.flags & kExiting) continue;
    pid_ = tid;
    return true;
  }
  return false;
}

void Process::check_alive() const {
  constexpr std::uint32_t kExiting = 0x00000004;  // PF_EXITING: its memory has gone, or is going
  ProcStat stat;
  if (!read_proc_stat(pid_, stat) || has_ended(stat) || stat.flags & kExiting)
    throw Error(ErrorKind::kUnreachable, "process " + std::to_string(id_) + " exited while it was looked at");
  pollfd ended{itself_.get(), POLLIN, 0};
  if (stat.start_time != start_time_ || (itself_ && poll(&ended, 1, 0) > 0))
    throw Error(ErrorKind::kUnreachable, "process " + std::to_string(id_) +
                                             " exited while it was looked at, and its pid is another's now");
  if (program_of(pid_) != program_) throw BecameAnotherProgram(id_);
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
                permission_hint(pid_));
  }
  return parse_proc_maps(text);
}

FileDescriptor Process::open_mapped_file(const Mapping& mapping) const {
  char name[64];
  std::snprintf(name, sizeof name, "map_files/%" PRIx64 "-%" PRIx64, value(mapping.start),
                value(mapping.end));
  const std::string itself = proc(pid_, name), by_path = proc(pid_, "root") + mapping.path;
  constexpr int kHow = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const bool answers = file_answers(pid_, mapping, [&] {
    const int fd = ::open(itself.c_str(), kHow);
    return fd >= 0 ? fd : ::open(by_path.c_str(), kHow);
  });
  if (!answers) return FileDescriptor();
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
  const WaitLimit limit(WaitLimit::kRead);
  if (!mem_) {
    const iovec local{to.data(), to.size()}, remote{reinterpret_cast<void*>(value(from)), to.size()};
    return read_pinned(&local, &remote, 1) == static_cast<ssize_t>(to.size());
  }
  if (value(from) > std::uint64_t{1} << 62) return false;
  return pread(mem_.get(), to.data(), to.size(), static_cast<off_t>(value(from))) ==
         static_cast<ssize_t>(to.size());
}

ssize_t Process::read_pinned(const iovec* local, const iovec* remote, std::size_t count) const {
  return process_vm_readv(pid_, local, count, remote, count, 0);
}

bool Process::page_out(std::span<const iovec> pages) const {
  constexpr int kPageOut = 21;           // MADV_PAGEOUT, Linux 5.4
  constexpr long kProcessMadvise = 440;  // Linux 5.10
  return itself_ && syscall(kProcessMadvise, itself_.get(), pages.data(), pages.size(), kPageOut, 0) >= 0;
}

}  // namespace heapglass
