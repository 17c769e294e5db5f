// What is left of this process's rights once the bytes are here: decoding is reading what others wrote, and
// needs memory and an output, nothing else.
#pragma once

#include <string>
#include <vector>

namespace heapglass {

// Drops all capabilities, sets no_new_privs, and puts all threads under a seccomp filter that has no way to
// run a program, open a socket, trace or write to a process, or mount, load or change anything of the system.
// Files may be opened for writing only where `outputs` names any (not "" and "-"); a capability that writing
// those takes is kept. Once; children inherit it. Returns why not all of it could be done, empty where it
// was.
std::string confine(const std::vector<std::string>& outputs);

}  // namespace heapglass
