// What the kernel counts of a live process: /proc/PID/status. The process is not stopped for that.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/target/target.h"

namespace heapglass {

// nullopt where the process is gone or has no memory any more.
std::optional<ResidentMemory> read_resident_memory(pid_t pid);
// Adds what other processes map too, by /proc/PID/smaps_rollup (Linux 4.14, the parts by kind 5.2), which
// takes about as long as its page tables are long: 10 ms a GB. Nothing where that cannot be read.
void read_sharing(pid_t pid, ResidentMemory& memory);
// Adds what the kernel counts of each mapping that processes may share, by /proc/PID/smaps; nothing, without
// a look, where the process has none in memory.
void read_shared_mappings(pid_t pid, ResidentMemory& memory);

// What the kernel counts of each mapping, in bytes: its part of pages that several processes map, and the
// pages that this process alone maps and those that others map too. /proc/PID/smaps, in order of address;
// empty where that cannot be read.
struct MappingUse {
  Address start{}, end{};
  std::uint64_t proportional = 0, own = 0, mapped_by_others = 0;
};
std::vector<MappingUse> read_mapping_uses(pid_t pid);
// The same of the whole process, by smaps_rollup, which rounds once and not for each mapping.
MappingUse read_process_use(pid_t pid);

}  // namespace heapglass
