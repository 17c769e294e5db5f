// Any bytes as /proc/PID/maps, a status file, a core's notes, /proc/PID/net/tcp, and, cut in two at the first
// empty line, as /proc/PID/cgroup and /proc/self/mountinfo would have them.
#include <algorithm>
#include <cstdint>
#include <string>

#include "platform/process/cgroups.h"
#include "platform/process/open_files.h"
#include "platform/process/proc_maps.h"
#include "platform/process/proc_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const Mapping& m : parse_proc_maps(text))
    if (m.end <= m.start || m.path.size() > size) __builtin_trap();
  for (const char* key : {"VmRSS:", "MemAvailable:", "frozen "}) {
    if (line_after(text, key).find('\n') != std::string::npos) __builtin_trap();
    (void)number_after(text, key);
  }
  for (const auto& [inode, what] : parse_socket_table(text))
    if (inode.empty() || !what.starts_with("TCP ")) __builtin_trap();
  const std::size_t cut = std::min(text.find("\n\n"), size);
  for (const char* controller : {"memory", "freezer"})
    for (const std::string& d : cgroup_directories(text.substr(0, cut), text.substr(cut), controller))
      if (d.find("..") != std::string::npos && text.find("..", cut) == std::string::npos) __builtin_trap();
  return 0;
}
