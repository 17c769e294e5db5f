// A program that is run beside this one and waited for by a descriptor.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "platform/files/file_descriptor.h"

namespace heapglass {

struct ChildProgram {
  std::vector<std::string> words;  // the first is the program; "" is this program itself
  std::vector<std::pair<std::string, std::string>> environment;  // beside ours
  bool is_urgent = false;    // scheduled before ordinary ones, where that is permitted
  bool tells = false;        // by HEAPGLASS_CAPTURED_FD that it has captured what it was to
  bool keeps_errors = true;  // its standard output and error are kept, not ours
};

// Ends with this process (SIGTERM), and leads a process group of its own, by which it is ended.
class RunningChild {
 public:
  RunningChild() = default;
  explicit RunningChild(const ChildProgram& program);  // throws Error kUnreachable
  ~RunningChild();                                     // SIGKILL, where it still runs
  RunningChild(RunningChild&& other) noexcept;
  RunningChild& operator=(RunningChild&& other) noexcept;

  bool runs() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  int descriptor() const { return pidfd_.get(); }  // readable when it has ended
  int told_descriptor() const {
    return told_.get();
  }                  // readable when it has told, or ended; -1: not any more
  bool take_told();  // whether it has told since the last call
  void end(int signal) const;
  // Once it has ended: its exit code, or 128 + the signal that ended it. -1: it still runs.
  int reap();
  // The first line that it has written, without "heapglass: ", at most 400 bytes.
  std::string first_line() const;

 private:
  pid_t pid_ = -1;
  FileDescriptor pidfd_, said_, told_;
};

}  // namespace heapglass
