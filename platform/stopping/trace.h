// ptrace with the kernel's numbers for its requests: glibc declares an enum of its own for them.
#pragma once

#include <sys/ptrace.h>
#include <sys/types.h>

namespace heapglass {

inline long trace(int request, pid_t tid, void* address, void* data) {
  return ptrace(static_cast<__ptrace_request>(request), tid, address, data);
}

}  // namespace heapglass
