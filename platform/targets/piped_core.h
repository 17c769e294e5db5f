// A core that comes by a pipe, as the kernel sends one to the program of /proc/sys/kernel/core_pattern.
#pragma once

#include <cstdint>
#include <string>

#include "platform/files/file_descriptor.h"

namespace heapglass {

// Reads `from` to its end into a file in `folder` that has no name, so that nothing is left of it whatever
// comes; pages of zeros take no room in it. `most`: bytes that may be read; 0: so that half of what is free
// on the disk stays free. Throws Error: kUsage where the first bytes are of no core, kFile where it is longer
// or the disk is full.
FileDescriptor store_piped_core(int from, const std::string& folder, std::uint64_t most);

}  // namespace heapglass
