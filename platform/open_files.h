// The file descriptors of a process, as the kernel tells of them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

namespace heapglass {

struct OpenFiles {
  // By descriptor, what /proc/PID/fd says: "/var/log/app.log", "socket:[81726]"; of TCP sockets with their
  // addresses and state behind it. Empty where the process is gone or its files are nobody's business.
  std::map<int, std::string> what;
  std::uint64_t limit = 0;  // RLIMIT_NOFILE, the soft one; 0: unknown
};

OpenFiles read_open_files(pid_t pid);

// By inode, the sockets of a network namespace, as /proc/PID/net/tcp and tcp6 list them: "TCP 127.0.0.1:8080
// to 127.0.0.1:51234, CLOSE_WAIT". Lines that are cut are left out.
using SocketNames = std::unordered_map<std::string, std::string>;
SocketNames parse_socket_table(const std::string& text);

}  // namespace heapglass
