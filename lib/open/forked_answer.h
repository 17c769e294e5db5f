// Work on one target in a process of its own: it gives up its rights before it decodes anything, its memory
// is free when it ends, and what fails there fails there alone.
#pragma once

#include <functional>
#include <string>

namespace heapglass {

struct ForkedAnswer {
  int code = 0;          // its exit code, or 128 + the signal that ended it
  std::string out, err;  // what it wrote to its standard output and standard error
  std::string facts;     // what it wrote to the descriptor that it was given
};

// Runs `work` in a child, which ends with the code that it returns, and waits for it. While no thread of this
// process holds a lock. Throws Error kUnreachable where no process or pipe can be had, and where more than
// `most` bytes come from it.
ForkedAnswer answer_in_fork(const std::function<int(int facts)>& work,
                            std::size_t most = std::size_t{1} << 30);

}  // namespace heapglass
