// A live process, looked at from outside: who it is, its maps, its bytes. Stops nothing: see freeze_copy.h.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>

#include "lib/target/mappings.h"
#include "lib/target/memory_reader.h"
#include "platform/files/file_descriptor.h"

namespace heapglass {

class Process final : public MemoryReader {
 public:
  // Looks without touching. Throws Error kUnreachable with the reason and what would help: no such process, a
  // zombie, a kernel thread, not permitted, or permitted only in a way that would change what it shares.
  static Process open(pid_t pid);

  // For /proc and the kernel's calls. Where the main thread has ended it has no memory any more, and this is
  // the id of a thread that has.
  pid_t pid() const { return pid_; }
  pid_t id() const { return id_; }  // of the whole process, where a thread's id was given
  std::uint64_t start_time() const { return start_time_; }  // clock ticks since boot: tells a reused pid
  std::string executable() const;                           // /proc/PID/exe's target
  std::string command_line() const;                         // arguments joined by spaces
  std::uint64_t resident_bytes() const;                     // RSS
  bool owned_by_caller() const;                             // same effective user
  Mappings mappings() const;                                // throws Error kUnreachable
  // A file as the target sees it, checked to be the mapped one; invalid where it cannot be had.
  FileDescriptor open_mapped_file(const Mapping& mapping) const;

  // Every read of the target's memory is one of these three, and nothing else calls process_vm_readv: none
  // gives the process a copy of its own of a page that it shares with its parent or its children.
  // By /proc/PID/mem, of whatever is mapped.
  bool read(Address from, std::span<std::byte> to) const override;
  int memory_file() const { return mem_.get(); }  // /proc/PID/mem; -1 where only the call below is permitted
  // By process_vm_readv, which is faster and pins the pages: for pages that PageMap::can_be_pinned, and where
  // there is no memory file, in which case open() has made sure that nothing is shared. Bytes read; -1.
  ssize_t read_pinned(const iovec* local, const iovec* remote, std::size_t count) const;

  // Asks the kernel to move these pages to swap, as it does by itself where memory is short. False where it
  // refuses.
  bool page_out(std::span<const iovec> pages) const;

  // Throws Error kUnreachable "exited" where the process that was opened is gone, or its pid is another's
  // now: also where that began within the same tick of the kernel's clock (Linux 5.3). Throws
  // BecameAnotherProgram.
  void check_alive() const;

 private:
  bool readable_by_call() const;
  void refuse_if_shared() const;

  // Moves the look to a thread that has memory where the main thread has ended. False: there is none.
  bool find_live_thread();

  pid_t pid_ = 0, id_ = 0;
  std::string program_;  // where execve has put it, which is elsewhere each time
  std::uint64_t start_time_ = 0;
  FileDescriptor mem_;
  FileDescriptor itself_;  // a pidfd, which never is another's
};

// Fields of /proc/PID/stat that matter here.
struct ProcStat {
  char state = '?';
  std::uint32_t flags = 0;
  std::uint64_t start_time = 0;
};
bool read_proc_stat(pid_t pid, ProcStat& out);
std::string read_proc_file(const std::string& path);  // empty where it cannot be read

}  // namespace heapglass
