#include "platform/resident_memory.h"

#include <fstream>
#include <sstream>
#include <string>

namespace heapglass {

std::optional<ResidentMemory> read_resident_memory(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  ResidentMemory memory;
  bool known = false;
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name, unit;
    std::uint64_t kilobytes = 0;  // the kernel's kB are 1024 bytes
    if (!(words >> name >> kilobytes >> unit) || unit != "kB") continue;
    const std::uint64_t bytes = kilobytes * 1024;
    if (name == "VmRSS:") {
      memory.rss = bytes;
      known = true;
    } else if (name == "VmHWM:") {
      memory.peak = bytes;
    } else if (name == "RssAnon:") {
      memory.anonymous = bytes;
    } else if (name == "RssFile:") {
      memory.file = bytes;
    } else if (name == "RssShmem:") {
      memory.shared = bytes;
    } else if (name == "VmSwap:") {
      memory.swapped = bytes;
    }
  }
  return known ? std::optional(memory) : std::nullopt;
}

}  // namespace heapglass
