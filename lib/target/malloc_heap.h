// What the C library's malloc has, block by block. Plain data: its readers are in lib/memory/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/address.h"

namespace heapglass {

enum class ChunkState : std::uint8_t {
  kUsed,
  kFree,       // in a bin
  kFast,       // in a fast bin: free, and not joined with its neighbours
  kCached,     // in a thread's cache: free for that thread; malloc itself counts it as used
  kTop,        // the end that grows
  kOverhead,   // malloc's own state
  kUncertain,  // the walk came to no end here: what follows contradicts itself
};

struct MallocChunk {
  Address start{};         // of its header, MallocHeap::header in front of what malloc returned
  std::uint64_t size = 0;  // bytes, header included
  ChunkState state = ChunkState::kUsed;
};

struct MallocArena {
  Address address{};
  bool main = false;                // the one that grows by brk
  std::vector<MallocChunk> chunks;  // in order of address, neighbours touch except between heaps
  std::uint64_t free_bytes = 0;     // bins, fast bins and top: this arena's part of mallinfo2().fordblks
  std::uint64_t cached_bytes = 0;   // in thread caches
  std::uint64_t system_bytes = 0;   // what it has of the system, as it counts itself
  // Every chunk led to the next up to the top, and the bins name exactly the chunks that are free.
  bool sure = true;
  struct Range {
    Address start{};
    std::uint64_t size = 0;
  };
  std::vector<Range> trimmable;  // pages that malloc_trim(0) gives back, where they are resident
};

struct MallocHeap {
  std::string name;                 // "glibc malloc"; empty: not found
  std::vector<MallocArena> arenas;  // the main one first
  std::vector<MallocChunk> mapped;  // chunks with a mapping of their own, in order of address
  // In bytes: of a chunk in front of what malloc returned; of the next chunk's header that a block may use;
  // and more than what is left over where a block is larger than the request.
  std::uint64_t header = 16, behind = 8, grain = 32;
};

}  // namespace heapglass
