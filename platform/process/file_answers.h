// Whether the files that a process has mapped can be read without waiting for ever.
#pragma once

#include <functional>

#include "lib/target/mappings.h"
#include "platform/process/process.h"

namespace heapglass {

// False where `open` gives a file of a file system in user space (FUSE) whose server does not answer: a read
// of such a file cannot be ended, not even by SIGKILL, once the server has taken the request. It is tried in
// a child of ours, which is left to itself then; once for each file system.
bool file_answers(pid_t pid, const Mapping& mapping, const std::function<int()>& open);

}  // namespace heapglass
