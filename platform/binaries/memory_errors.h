// How often a process has raised MemoryError, counted by the kernel: a uprobe on PyErr_NoMemory, which all of
// CPython calls for that, and which every build exports. The process is not stopped, and nothing runs there
// but that one instruction by way of the kernel; it gets a page of its own of the code that has it. Takes
// CAP_PERFMON, or CAP_SYS_ADMIN. What raises the exception by another way is not counted: `raise
// MemoryError`, and extensions with a kind of their own, as NumPy.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "platform/files/file_descriptor.h"

namespace heapglass {

class MemoryErrorCounter {
 public:
  // nullptr, and `why`: what is missing.
  static std::unique_ptr<MemoryErrorCounter> open(pid_t pid, std::string& why);

  // Counts in threads that have begun since. One that began and ended between two calls was not counted: a
  // counter that a thread's children inherit makes every clone of the process fail (Linux 6.18, where the
  // path of the probe is read anew, from the memory of the process).
  void take_new_threads();
  std::uint64_t count();

 private:
  MemoryErrorCounter(pid_t pid, FileDescriptor file, std::uint64_t offset, std::uint32_t type)
      : pid_(pid), file_(std::move(file)), offset_(offset), type_(type) {}
  FileDescriptor open_counter(pid_t thread) const;

  const pid_t pid_;
  const FileDescriptor file_;  // that has the code
  const std::uint64_t offset_;
  const std::uint32_t type_;  // of uprobes, among the kernel's counters
  std::map<pid_t, FileDescriptor> threads_;
  std::uint64_t of_ended_ = 0;
};

}  // namespace heapglass
