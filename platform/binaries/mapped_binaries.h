// The ELF files that are mapped into a target, as Binary: opened when first asked.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/target/binary.h"
#include "platform/process/process.h"

namespace heapglass {

// The file of a mapping, checked to be the mapped one; invalid where it cannot be had.
using OpenMappedFile = std::function<FileDescriptor(const Mapping&)>;

// Programs and libraries in the order in which an interpreter is likeliest: libpython, the executable, the
// others. What cannot be opened or is no ELF file is left out. `root_prefix` stands before paths where debug
// files are looked for: "/proc/123/root", a sysroot, or nothing. Of a file that is deleted and cannot be
// opened (that takes a right that users lack) `memory` of the process gives what is loaded, where there is
// one.
Binaries mapped_binaries(const Mappings& mappings, const std::string& executable,
                         const std::string& root_prefix, const OpenMappedFile& open_file,
                         const MemoryReader* memory = nullptr);

}  // namespace heapglass
