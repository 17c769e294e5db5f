// An ELF file out of the memory of the process that has it loaded: for a library that was deleted, of which
// only who may read /proc/PID/map_files still gets the file.
#pragma once

#include <memory>
#include <string>

#include "lib/target/mappings.h"
#include "lib/target/memory_reader.h"
#include "platform/binaries/elf_file.h"

namespace heapglass {

// Segments and exported symbols; no other sections, since nothing loads them, and of what is writable the
// bytes of now. `first` is the mapping of its offset 0. nullptr, and `why` says so, where the memory does not
// look like one.
std::shared_ptr<const ElfFile> read_loaded_elf(const MemoryReader& memory, const Mapping& first,
                                               std::string& why);

}  // namespace heapglass
