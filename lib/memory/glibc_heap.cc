#include "lib/memory/glibc_heap.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lib/base/page.h"
#include "lib/memory/glibc_arena.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kHeader = 16, kLeastChunk = 32, kMostChunks = std::uint64_t{1} << 32;
constexpr std::uint64_t kPrevInUse = 1, kIsMapped = 2, kFlags = 7;

Address page_up(Address a) { return Address{(value(a) + kPage - 1) / kPage * kPage}; }

class Reader {
 public:
  explicit Reader(const Image& image) : image_(image) {}
  std::uint64_t word(Address a) const {
    std::uint64_t w = 0;
    return image_.load(a, w) ? w : 0;
  }
  std::uint64_t head(Address chunk) const { return word(chunk + 8); }  // size and flags
  // The link in a free chunk of a fast bin or a thread's cache, which glibc 2.32 and later mix with its
  // place.
  Address link(Address at) const {
    const std::uint64_t plain = word(at), unmixed = plain ^ (value(at) >> 12);
    return Address{unmixed % 16 == 0 && (unmixed == 0 || image_.at(Address{unmixed}, 8)) ? unmixed : plain};
  }
  const Image& image() const { return image_; }

 private:
  const Image& image_;
};

// A run of chunks: the main arena's, or those of one heap of another.
struct ArenaRegion {
  Address start{}, first_chunk{}, end{};
};

std::vector<ArenaRegion> regions_of(const Reader& r, const GlibcArena& arena, const Mappings& mappings) {
  std::vector<ArenaRegion> regions;
  if (arena.main) {
    // Where another allocator is loaded it has the heap of brk, and this arena is empty.
    if (r.word(arena.system_mem()) == 0) return regions;
    for (const Mapping& m : mappings) {
      if (m.path != "[heap]") continue;
      if (!regions.empty() && regions.back().end == m.start) {
        regions.back().end = m.end;
      } else {
        regions.push_back({m.start, m.start, m.end});
      }
    }
    return regions;
  }
  // heap_info: ar_ptr, prev, size. The newest heap has the top.
  const Address first{value(arena.state) / kMostHeapBytes * kMostHeapBytes};
  Address heap{r.word(arena.top()) / kMostHeapBytes * kMostHeapBytes};
  for (int n = 0; n < 100'000 && !is_null(heap) && r.word(heap) == value(arena.state); ++n) {
    const Address behind = heap == first ? arena.end() : heap + (arena.state - first);
    const std::uint64_t size = std::min(r.word(heap + 16), kMostHeapBytes);
    regions.push_back({heap, Address{(value(behind) + 15) / 16 * 16}, heap + size});
    heap = Address{r.word(heap + 8)};
  }
  std::sort(regions.begin(), regions.end(),
            [](const ArenaRegion& a, const ArenaRegion& b) { return a.start < b.start; });
  return regions;
}

// From chunk to chunk; each has its size, and the next says whether it is in use.
void walk(const Reader& r, const ArenaRegion& region, Address top, MallocArena& out) {
  auto add = [&](Address start, std::uint64_t size, ChunkState state) {
    if (size) out.chunks.push_back({start, size, state});
  };
  add(region.start, region.first_chunk - region.start, ChunkState::kOverhead);
  Address at = region.first_chunk;
  for (std::uint64_t n = 0; at + kHeader <= region.end && n < kMostChunks; ++n) {
    const std::uint64_t size = r.head(at) & ~kFlags, left = region.end - at;
    if (at == top) {
      if (size > left) break;
      add(at, size, ChunkState::kTop);
      at = at + size;
      return add(at, region.end - at, ChunkState::kOverhead);
    }
    // The last two of a heap that is not the newest are fence posts.
    const bool fence = !out.main && left <= 2 * kLeastChunk && (size == 0 || size == kHeader);
    if (fence) return add(at, left, ChunkState::kOverhead);
    if (size < kLeastChunk || size % 16 || size > left) break;
    const Address next = at + size;
    const bool used = r.head(next) & kPrevInUse;
    if (!used && r.word(next) != size) break;  // prev_size
    add(at, size, used ? ChunkState::kUsed : ChunkState::kFree);
    at = next;
  }
  if (at < region.end) {
    out.sure = false;
    add(at, region.end - at, ChunkState::kUncertain);
  }
}

using Places = std::unordered_map<std::uint64_t, std::size_t>;  // chunk address -> index of chunks

// The chunks that the bins name must be those that their neighbours call free.
void check_bins(const Reader& r, const GlibcArena& arena, MallocArena& out) {
  std::uint64_t in_bins = 0, walked = 0;
  for (const MallocChunk& c : out.chunks) walked += c.state == ChunkState::kFree;
  for (std::uint64_t i = 1; i <= 127; ++i) {
    const Address bin = bin_chunk(arena, i);
    for (Address c{r.word(bin + 16)}; c != bin && in_bins <= walked; c = Address{r.word(c + 16)}) ++in_bins;
  }
  out.sure = out.sure && in_bins == walked;
}

void mark_fast(const Reader& r, const GlibcArena& arena, const Places& places, MallocArena& out) {
  if (is_null(arena.fast_bins())) return;
  for (std::uint64_t i = 0; i < 10; ++i) {
    Address chunk{r.word(arena.fast_bins() + 8 * i)};
    for (std::size_t n = 0; !is_null(chunk) && n <= out.chunks.size(); ++n) {
      const auto at = places.find(value(chunk));
      if (at == places.end() || out.chunks[at->second].state != ChunkState::kUsed) {
        out.sure = false;
        break;
      }
      out.chunks[at->second].state = ChunkState::kFast;
      chunk = r.link(chunk + kHeader);
    }
  }
}

// A thread's cache lies in a chunk of its own: counts (2.42 and later: free slots) of 16 bits, then as many
// lists of chunks of one size each. The lists are followed only where all of it fits.
struct CacheShape {
  std::uint64_t bins;
  bool counts;
};
constexpr CacheShape kCacheShapes[] = {{64, true}, {76, false}};

std::vector<Address> cached_by(const Reader& r, const MallocChunk& chunk, const CacheShape& shape,
                               std::uint64_t& budget) {
  std::vector<Address> members;
  const Address counts = chunk.start + kHeader, lists = counts + shape.bins * 2;
  for (std::uint64_t i = 0; i < shape.bins; ++i) {
    std::uint16_t count = 0;
    if (!r.image().load(counts + 2 * i, count)) return {};
    std::uint64_t listed = 0;
    // Bins from 64 on hold chunks of a range of sizes.
    const std::uint64_t size = i < 64 ? kLeastChunk + 16 * i : 0;
    for (Address user{r.word(lists + 8 * i)}; !is_null(user); user = r.link(user)) {
      const std::uint64_t head = r.head(user - kHeader) & ~kFlags;
      if (value(user) % 16 || (size ? head != size : head < 1024)) return {};
      ++listed;
      if (listed > 65535 || budget == 0) return {};
      --budget;
      if (budget == 0) return {};
      members.push_back(user - kHeader);
    }
    if (shape.counts && listed != count) return {};
  }
  return members;
}

void mark_cached(const Reader& r, std::vector<MallocArena>& arenas, const std::vector<Places>& places) {
  std::uint64_t budget = 10'000'000;  // links: chunks that only look like a cache may lead in circles
  for (const MallocArena& arena : arenas) {
    for (const MallocChunk& chunk : arena.chunks) {
      if (chunk.state != ChunkState::kUsed || budget == 0) continue;
      for (const CacheShape& shape : kCacheShapes) {
        if (chunk.size != (shape.bins * 10 + 8 + 15) / 16 * 16) continue;
        for (const Address member : cached_by(r, chunk, shape, budget)) {
          for (std::size_t a = 0; a < arenas.size(); ++a) {
            const auto at = places[a].find(value(member));
            if (at == places[a].end() || arenas[a].chunks[at->second].state != ChunkState::kUsed) continue;
            arenas[a].chunks[at->second].state = ChunkState::kCached;
            arenas[a].cached_bytes += arenas[a].chunks[at->second].size;
          }
        }
      }
    }
  }
}

// What malloc_trim(0) returns: whole pages inside of each free chunk, behind its links; of the main arena
// also the pages at its end, but for the least that a top must have. Fast bins are emptied first, so that
// their chunks join with free neighbours.
void find_trimmable(MallocArena& arena) {
  constexpr std::uint64_t kFreeHeader = 48;  // sizeof(struct malloc_chunk)
  const auto is_free = [](const MallocChunk& c) {
    return c.state == ChunkState::kFree || c.state == ChunkState::kFast;
  };
  const auto& chunks = arena.chunks;
  for (std::size_t i = 0; i < chunks.size();) {
    if (!is_free(chunks[i]) && chunks[i].state != ChunkState::kTop) {
      ++i;
      continue;
    }
    const Address start = chunks[i].start;
    Address end = start;
    bool top = false;
    for (; i < chunks.size() && !top && chunks[i].start == end &&
           (is_free(chunks[i]) || chunks[i].state == ChunkState::kTop);
         ++i) {
      top = chunks[i].state == ChunkState::kTop;
      end = end + chunks[i].size;
    }
    if (top && !arena.main) continue;
    const Address from = top ? page_up(start + kLeastChunk + 1) : page_up(start + kFreeHeader);
    const Address to{value(end) / kPage * kPage};
    if (from < to) arena.trimmable.push_back({from, to - from});
  }
}

MallocArena read_arena(const Reader& r, const GlibcArena& glibc, const Mappings& mappings, Places& places) {
  MallocArena out{.address = glibc.state, .main = glibc.main, .system_bytes = r.word(glibc.system_mem())};
  const Address top{r.word(glibc.top())};
  const auto regions = regions_of(r, glibc, mappings);
  for (const ArenaRegion& region : regions) walk(r, region, top, out);
  check_bins(r, glibc, out);
  for (std::size_t i = 0; i < out.chunks.size(); ++i)
    if (out.chunks[i].state == ChunkState::kUsed) places.emplace(value(out.chunks[i].start), i);
  mark_fast(r, glibc, places, out);
  bool has_top = out.system_bytes == 0;
  for (const MallocChunk& c : out.chunks) {
    if (c.state == ChunkState::kFree || c.state == ChunkState::kFast || c.state == ChunkState::kTop)
      out.free_bytes += c.size;
    has_top |= c.state == ChunkState::kTop;
  }
  out.sure = out.sure && has_top;
  find_trimmable(out);
  return out;
}

// What malloc can have asked the kernel for. Neighbours are one: several chunks may lie in what the kernel
// shows as one mapping, and one chunk in several, where madvise was called for a part of it, as numpy does
// for the huge pages of arrays of 4 MiB and more.
std::vector<MallocArena::Range> anonymous_ranges(const Mappings& mappings) {
  std::vector<MallocArena::Range> ranges;
  for (const Mapping& m : mappings) {
    if (!m.writable || m.shared || m.has_file() || m.path.starts_with("[stack") || m.path == "[heap]")
      continue;
    if (!ranges.empty() && ranges.back().start + ranges.back().size == m.start)
      ranges.back().size += m.end - m.start;
    else
      ranges.push_back({m.start, m.end - m.start});
  }
  return ranges;
}

// Chunks with a mapping of their own have nothing before them, and whole pages.
std::vector<MallocChunk> find_mapped(const Reader& r, const Capture& capture,
                                     const std::vector<MallocArena::Range>& taken) {
  std::vector<MallocChunk> found;
  auto next_taken = taken.begin();
  const bool known = capture.residency.has_value();
  std::vector<Residency::Run> everything;
  if (!known)
    for (const Image::Segment& s : r.image().segments()) everything.push_back({s.start, s.size});
  const std::vector<Residency::Run>& resident = known ? capture.residency->runs : everything;
  std::size_t run = 0;
  for (const MallocArena::Range& range : anonymous_ranges(capture.mappings)) {
    const Address range_end = range.start + range.size;
    for (Address at = range.start; at < range_end;) {
      while (next_taken != taken.end() && next_taken->start + next_taken->size <= at) ++next_taken;
      if (next_taken != taken.end() && next_taken->start <= at) {
        at = page_up(next_taken->start + next_taken->size);
        continue;
      }
      while (run < resident.size() && resident[run].start + resident[run].size <= at) ++run;
      if (run == resident.size()) return found;
      if (at < resident[run].start) {  // a chunk's header is written to: its page is there
        at = resident[run].start;
        continue;
      }
      // In 2.43 such a chunk's size leaves out its header.
      const std::uint64_t told = r.head(at) & ~kFlags,
                          size = told % kPage + kHeader == kPage ? told + kHeader : told,
                          free = next_taken == taken.end() ? range_end - at
                                                           : std::min(range_end - at, next_taken->start - at);
      if (r.word(at) == 0 && (r.head(at) & 15) == kIsMapped && size >= kPage && size % kPage == 0 &&
          size <= free) {
        found.push_back({at, size, ChunkState::kUsed});
        at = at + size;
      } else {
        at = at + kPage;
      }
    }
  }
  return found;
}

}  // namespace

MallocHeap read_glibc_heap(const Capture& capture, const std::vector<MallocArena::Range>& taken) {
  MallocHeap heap;
  const std::vector<GlibcArena> found = find_glibc_arenas(capture);
  if (found.empty()) return heap;
  heap.name = "glibc malloc";
  const Reader reader(*capture.image);
  std::vector<Places> places(found.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    heap.arenas.push_back(read_arena(reader, found[i], capture.mappings, places[i]));
  mark_cached(reader, heap.arenas, places);
  std::vector<MallocArena::Range> all = taken;
  for (const MallocArena& arena : heap.arenas)
    for (const MallocChunk& c : arena.chunks) {
      if (!all.empty() && all.size() > taken.size() && all.back().start + all.back().size == c.start) {
        all.back().size += c.size;
      } else {
        all.push_back({c.start, c.size});
      }
    }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  heap.mapped = find_mapped(reader, capture, all);
  return heap;
}

}  // namespace heapglass
