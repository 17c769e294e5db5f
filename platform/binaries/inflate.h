// Compressed files, inflated as a stream: gzip by zlib, Zstandard by libzstd.
#pragma once

#include <cstddef>
#include <string>

#include "platform/files/file_descriptor.h"

namespace heapglass {

enum class Compression { kNone, kGzip, kZstandard };
// By the first bytes of a file.
Compression compression_of(const unsigned char* start, std::size_t size);

// An anonymous file in memory with the inflated bytes of a core file. `name` is for messages. Throws Error
// kFile: damaged, cut, more than its own headers say, or more than the memory that there is; kUsage: it is no
// ELF file.
FileDescriptor inflate_to_memory(int fd, const std::string& name, Compression compression);

// The same of a core file that is not compressed, as it is now.
FileDescriptor copy_to_memory(int fd, const std::string& name);

}  // namespace heapglass
