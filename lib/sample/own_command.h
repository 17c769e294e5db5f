// heapglass itself, run with other arguments beside this process: what it writes takes a capture of its own,
// and is decoded with fewer rights than this process has to keep.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace heapglass {

class OwnCommand {
 public:
  // Throws Error kUnreachable where no process can be had.
  explicit OwnCommand(const std::vector<std::string>& arguments);
  ~OwnCommand();  // ends it: it leaves nothing unfinished
  OwnCommand(const OwnCommand&) = delete;
  OwnCommand& operator=(const OwnCommand&) = delete;

  // Has it ended?
  bool poll();
  int exit_code() const { return exit_code_; }
  // The first line that it said.
  std::string said() const;

 private:
  void read_output();
  pid_t pid_ = -1;
  int output_ = -1, exit_code_ = -1;
  std::string said_;
};

}  // namespace heapglass
