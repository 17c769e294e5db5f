// The ELF files that are mapped into a process, as Binary: opened when first asked.
#pragma once

#include <memory>
#include <vector>

#include "lib/target/binary.h"
#include "platform/process.h"

namespace heapglass {

// Programs and libraries in the order in which an interpreter is likeliest: libpython, the executable, the
// others. What cannot be opened or is no ELF file is left out. Borrow `process`.
std::vector<std::unique_ptr<Binary>> mapped_binaries(const Process& process, const Mappings& mappings);

}  // namespace heapglass
