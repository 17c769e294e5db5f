// CPython's allocator of small blocks (Objects/obmalloc.c): arenas of pools of blocks of one size each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/python/frames.h"
#include "lib/python/objects.h"

namespace heapglass {

// In bytes; those of sys._debugmallocstats under names of the same meaning.
struct PymallocFigures {
  std::uint64_t arenas = 0;  // how many
  std::uint64_t used = 0;    // "in allocated blocks"
  std::uint64_t available = 0;
  std::uint64_t unused_pools = 0;
  std::uint64_t pool_headers = 0;
  std::uint64_t quantization = 0;
  std::uint64_t alignment = 0;
  struct OfSize {
    std::uint64_t size = 0;  // bytes of a block
    std::uint64_t pools = 0, used = 0, available = 0;
  };
  std::vector<OfSize> sizes;  // ascending, those with pools only
};

struct Pymalloc {
  struct Arena {
    Address start{};
    Address first_pool{}, pool_address{};  // pools of [first_pool, pool_address) have been used
    std::uint64_t size = 0;
    std::uint32_t index = 0;
  };
  std::uint64_t pool_size = 0;
  std::vector<Arena> arenas;  // in order of address, of all interpreters
  PymallocFigures figures;
  std::string how_found;  // "symbol arenas"; empty: nowhere, so that there are none or they are not known
  std::uint64_t contradictions = 0;  // arenas and pools whose headers cannot be true
};

// `small_objects`: some objects of at most 512 bytes. Where an interpreter up to 3.10 is stripped, the table
// of arenas is known by leading to the pools that these lie in.
Pymalloc read_pymalloc(const Objects& objects, const std::vector<PyInterpreter>& interpreters,
                       const std::vector<Address>& small_objects);

enum class PymallocPart : std::uint8_t {
  kUsed,       // a block that somebody has; whether it is an object is not told
  kFree,       // a block on its pool's free list, or never yet handed out
  kFreePool,   // pools without a used block, and what was never a pool
  kOverhead,   // headers, and what is left where blocks do not fill a pool
  kUncertain,  // of a pool that contradicts itself
};

// The parts of an arena in order of address, from its first byte to its last; `count` neighbours of the same
// size at a time.
using VisitParts =
    std::function<void(Address start, std::uint64_t size, std::uint64_t count, PymallocPart part)>;
void each_part(const Objects& objects, const Pymalloc& pymalloc, const Pymalloc::Arena& arena,
               const VisitParts& visit);

// The same in sums, in bytes; what is uncertain is in none.
struct ArenaSums {
  std::uint64_t used = 0, free = 0, overhead = 0;
};
ArenaSums sums_of(const Objects& objects, const Pymalloc& pymalloc, const Pymalloc::Arena& arena);

}  // namespace heapglass
