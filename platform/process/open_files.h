// Reads the file descriptors of a process.
#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_map>

#include "lib/target/open_files.h"

namespace heapglass {

OpenFiles read_open_files(pid_t pid);

// By inode, the sockets of a network namespace, as /proc/PID/net/tcp and tcp6 list them: "TCP 127.0.0.1:8080
// to 127.0.0.1:51234, CLOSE_WAIT". Lines that are cut are left out.
using SocketNames = std::unordered_map<std::string, std::string>;
SocketNames parse_socket_table(const std::string& text);

}  // namespace heapglass
