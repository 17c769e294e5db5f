// Compressed files, inflated as a stream: gzip by zlib, Zstandard by libzstd.
#pragma once

#include <cstddef>
#include <string>

#include "platform/process.h"

namespace heapglass {

enum class Compression { kNone, kGzip, kZstandard };
// By the first bytes of a file.
Compression compression_of(const unsigned char* start, std::size_t size);

// An anonymous file in memory with the inflated bytes. `name` is for messages. Throws Error kFile: damaged,
// cut, or more than the memory that this machine has available.
FileDescriptor inflate_to_memory(int fd, const std::string& name, Compression compression);

}  // namespace heapglass
