#include "platform/resident_memory.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "platform/proc_text.h"
#include "platform/process.h"

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

void read_sharing(pid_t pid, ResidentMemory& memory) {
  const std::string text = read_proc_file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const auto bytes = [&](const char* key) { return number_after(text, key) * 1024; };
  memory.proportional = bytes("Pss:");
  memory.mapped_by_others = bytes("Shared_Clean:") + bytes("Shared_Dirty:");
  // A page of two processes is half of each's Pss. Rounding is below a page.
  const std::uint64_t all = bytes("Anonymous:"), own = bytes("Pss_Anon:");
  if (line_after(text, "Pss_Anon:").empty() || all <= own + 8192) return;
  memory.anonymous_mapped_by_others = std::min({2 * (all - own), all, memory.mapped_by_others});
}

}  // namespace heapglass
