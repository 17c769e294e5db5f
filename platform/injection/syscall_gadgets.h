// Instructions of a process by which one of its threads can make a system call for us and come back by
// itself.
#pragma once

#include <cstdint>
#include <optional>

#include "platform/process/process.h"

namespace heapglass {

struct SyscallGadgets {
  std::uint64_t system_call = 0;  // syscall; ret
  std::uint64_t sigreturn = 0;    // mov $15, %rax; syscall: rt_sigreturn, as every C library has it (x86-64)
};

// Looked for in the files that are mapped, the C library first: nothing of the process is read but a page
// that it has changed. Nothing where one of them is not found, and for other processors.
std::optional<SyscallGadgets> find_call_sites(const Process& process, const Mappings& mappings);

// Whether these instructions stand there: not any more in a process that has become another program since
// (execve). Told for certain only while it is held.
bool still_there(const Process& process, const SyscallGadgets& sites);

}  // namespace heapglass
