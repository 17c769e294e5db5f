// Where glibc's arenas are. No symbol is asked: the 127 bins of a malloc_state point to themselves or to
// chunks that point back, which nothing else does.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/target/capture.h"

namespace heapglass {

// HEAP_MAX_SIZE, at multiples of which heaps of other arenas begin; with glibc.malloc.hugetlb=2 four huge
// pages.
constexpr std::uint64_t kHeapBytes[] = {64 << 20, 8 << 20, 128 << 20, 2048ul << 20, std::uint64_t{4} << 30};

struct GlibcArena {
  Address state{};  // malloc_state
  Address bins{};   // malloc_state.bins
  bool main = false;
  std::uint64_t heap_bytes = kHeapBytes[0];
  std::uint64_t before_bins() const { return bins - state; }
  Address top() const { return bins - 16; }     // fields, by their distance from the bins
  Address next() const { return bins + 2048; }  // behind binmap, 4 words of 32 bits
  Address system_mem() const { return bins + 2072; }
  Address end() const { return bins + 2088; }  // sizeof(malloc_state)
  // fastbinsY, 10 of them; null where a version has none.
  Address fast_bins() const { return before_bins() >= 104 ? bins - 96 : Address{}; }
};

// The address that the i-th bin, 1 to 127, has as a chunk.
inline Address bin_chunk(const GlibcArena& arena, std::uint64_t i) { return arena.bins + (i - 1) * 16 - 16; }

// All arenas of the process, the main one first; empty where there is none.
std::vector<GlibcArena> find_glibc_arenas(const Capture& capture);

}  // namespace heapglass
