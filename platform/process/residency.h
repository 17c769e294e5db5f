// Which pages of a live process are in memory: /proc/PID/pagemap and status.
#pragma once

#include <sys/types.h>

#include <optional>

#include "lib/target/mappings.h"
#include "lib/target/residency.h"

namespace heapglass {

// Of this moment: of a stopped process, before its memory is read. nullopt where its page map is hidden.
std::optional<Residency> read_residency(pid_t pid, const Mappings& mappings);

}  // namespace heapglass
