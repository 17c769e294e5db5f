// Memory that shows a file which somebody else can cut short. The kernel answers the read of a page that is
// gone with SIGBUS, in whatever thread it happens; within a guarded range that is the file's fault and not
// ours.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace heapglass {

enum class OnShrink {
  kZeros,  // the rest of the range becomes zeros, and shrunk_files() names the file
  kEnd,    // the program ends with the one-line error that the file shrank
};

// Guards [at, at + size), a mapping of the file `name`, as long as the answer lives: it has to go before the
// mapping does. A SIGBUS elsewhere is left to who was there before, and is fatal as ever. From any thread.
std::shared_ptr<void> guard_file_view(void* at, std::size_t size, const std::string& name, OnShrink what);

// From here on, as long as the answer lives, the program ends with a one-line error before another process
// gets to write to the file: the kernel lets that one wait meanwhile (a lease, fcntl(2)). nullptr, and errno
// says why, where there is no such lease: EAGAIN, somebody has the file open for writing already.
std::shared_ptr<void> end_before_writers(int fd, const std::string& name);

// The files of ranges that are guarded now, kZeros, and shrank while they were read; each once.
std::vector<std::string> shrunk_files();

// What is called before the program ends by one of these: async-signal-safe. Not more than once.
void set_cleanup_of_shrunk(void (*cleanup)());

}  // namespace heapglass
