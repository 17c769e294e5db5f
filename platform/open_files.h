// The file descriptors of a process, as the kernel tells of them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace heapglass {

struct OpenFiles {
  // By descriptor, what /proc/PID/fd says: "/var/log/app.log", "socket:[81726]"; of TCP sockets with their
  // addresses and state behind it. Empty where the process is gone or its files are nobody's business.
  std::map<int, std::string> what;
  std::uint64_t limit = 0;  // RLIMIT_NOFILE, the soft one; 0: unknown
};

OpenFiles read_open_files(pid_t pid);

}  // namespace heapglass
