// The file descriptors of a process, as the kernel tells them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace heapglass {

struct OpenFiles {
  // By descriptor, what /proc/PID/fd says: "/var/log/app.log", "socket:[81726]"; of TCP sockets with their
  // addresses and state behind it. Empty where the process is gone or may not be looked at.
  std::map<int, std::string> what;
  std::uint64_t limit = 0;  // RLIMIT_NOFILE, the soft one; 0: unknown
};

}  // namespace heapglass
