// What is left of this process's rights once the bytes are here: decoding is reading what others wrote, and
// needs memory and what is open already, nothing else.
#pragma once

#include <string>
#include <vector>

namespace heapglass {

// Of all threads of this process, those that are there and those to come, and of its children:
// - root becomes nobody (65534, no groups), all capabilities go, and no_new_privs is set;
// - Landlock and a seccomp filter leave no way to run a program, open a socket, trace, signal or limit
//   another process, change a file's mode or owner, or make, write, rename or remove a file by name;
// - nothing can be opened but, for reading, what lies in `readable`; where that is empty, nothing.
// What is open stays open, but descriptors of processes and of /proc, which are of nothing then. Children are
// signalled by the descriptor that clone(CLONE_PIDFD) gives of them. Who `answers_connections` may take those
// that come to a socket that is open, and answer them. Once. Returns why not all of it could be done, empty
// where it was.
std::string confine(const std::vector<std::string>& readable = {}, bool answers_connections = false);

// /proc/self/maps, which a confined process cannot open any more.
std::string own_maps();

}  // namespace heapglass
