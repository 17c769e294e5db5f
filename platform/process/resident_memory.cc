#include "platform/process/resident_memory.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "platform/process/proc_text.h"
#include "platform/process/process.h"

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

void read_shared_mappings(pid_t pid, ResidentMemory& memory) {
  if (memory.shared == 0) return;
  std::ifstream smaps("/proc/" + std::to_string(pid) + "/smaps");
  bool shared = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uint64_t start = 0, end = 0;
    char flags[5] = {};
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, flags) == 3) {
      shared = flags[3] == 's';
      if (shared) memory.shared_mappings.push_back({.start = Address{start}});
    } else if (shared && line.starts_with("Rss:")) {
      memory.shared_mappings.back().rss = number_after(line, "Rss:") * 1024;
    } else if (shared && line.starts_with("Pss:")) {
      memory.shared_mappings.back().proportional = number_after(line, "Pss:") * 1024;
    }
  }
}

namespace {

// Adds a line of smaps or smaps_rollup.
void add_line(const std::string& line, MappingUse& use) {
  const auto bytes = [&](const char* key) { return number_after(line, key) * 1024; };
  if (line.starts_with("Pss:")) use.proportional = bytes("Pss:");
  for (const char* key : {"Private_Clean:", "Private_Dirty:"})
    if (line.starts_with(key)) use.own += bytes(key);
  for (const char* key : {"Shared_Clean:", "Shared_Dirty:"})
    if (line.starts_with(key)) use.mapped_by_others += bytes(key);
}

}  // namespace

std::vector<MappingUse> read_mapping_uses(pid_t pid) {
  std::vector<MappingUse> uses;
  std::istringstream smaps(read_proc_file("/proc/" + std::to_string(pid) + "/smaps"));
  for (std::string line; std::getline(smaps, line);) {
    std::uint64_t start = 0, end = 0;
    char flags[5] = {};
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, flags) == 3)
      uses.push_back({.start = Address{start}, .end = Address{end}});
    else if (!uses.empty())
      add_line(line, uses.back());
  }
  return uses;
}

MappingUse read_process_use(pid_t pid) {
  MappingUse use;
  std::istringstream rollup(read_proc_file("/proc/" + std::to_string(pid) + "/smaps_rollup"));
  for (std::string line; std::getline(rollup, line);) add_line(line, use);
  return use;
}

}  // namespace heapglass
