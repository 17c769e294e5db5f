#include "lib/memory/glibc/glibc_heap.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "lib/base/page.h"
#include "lib/memory/glibc/glibc_arena.h"

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
  const std::uint64_t most = arena.heap_bytes;
  const Address first{value(arena.state) / most * most};
  Address heap{r.word(arena.top()) / most * most};
  for (int n = 0; n < 100'000 && !is_null(heap) && r.word(heap) == value(arena.state); ++n) {
    const Address behind = heap == first ? arena.end() : heap + (arena.state - first);
    const std::uint64_t size = std::min(r.word(heap + 16), most);
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
    // The last two of a heap that is not the newest are fence posts, and of brk's where it could not grow.
    const bool fence = left <= 2 * kLeastChunk && (size == 0 || size == kHeader);
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

// What malloc can have asked the kernel for. Neighbours are one: several chunks may lie in what the kernel
// shows as one mapping, and one chunk in several, where madvise was called for a part of it, as numpy does
// for the huge pages of arrays of 4 MiB and more.
std::vector<MallocArena::Range> anonymous_ranges(const Mappings& mappings) {
  std::vector<MallocArena::Range> ranges;
  for (const Mapping& m : mappings) {
    const bool file = m.has_file() && !m.path.starts_with("/anon_hugepage");  // which is anonymous memory
    if (!m.writable || m.shared || file || m.path.starts_with("[stack") || m.path == "[heap]") continue;
    if (!ranges.empty() && ranges.back().start + ranges.back().size == m.start)
      ranges.back().size += m.end - m.start;
    else
      ranges.push_back({m.start, m.end - m.start});
  }
  return ranges;
}

// The main arena takes regions by mmap where brk cannot grow, and always with glibc.malloc.hugetlb=2. Nothing
// names them: such a region begins at a page with a chunk that has none before it, and ends with the arena's
// top, or two fence posts at the end of a page.
class MappedRegions {
 public:
  MappedRegions(const Reader& r, Address top, std::uint64_t missing) : r_(r), top_(top), missing_(missing) {}

  std::vector<ArenaRegion> find(const Mappings& mappings, const std::vector<MallocArena::Range>& taken) {
    std::vector<ArenaRegion> found;
    auto next = taken.begin();
    for (const MallocArena::Range& range : anonymous_ranges(mappings)) {
      const Address range_end = range.start + range.size;
      for (Address at = range.start; at < range_end && missing_ > 0;) {
        while (next != taken.end() && next->start + next->size <= at) ++next;
        if (next != taken.end() && next->start <= at) {
          at = page_up(next->start + next->size);
          continue;
        }
        const Address most = next == taken.end() ? range_end : std::min(range_end, next->start);
        const Address end = end_of(at, most);
        if (!is_null(end)) {
          found.push_back({at, at, end});
          missing_ -= std::min<std::uint64_t>(missing_, end - at);
        }
        at = is_null(end) ? at + kPage : end;
      }
    }
    return found;
  }

 private:
  // Where the region that begins here ends; null: none does.
  Address end_of(Address start, Address most) const {
    if (r_.word(start) != 0 || (r_.head(start) & kFlags) != kPrevInUse) return {};
    for (Address at = start; at + kHeader <= most;) {
      const std::uint64_t head = r_.head(at), size = head & ~kFlags, left = most - at;
      if (size > left) return {};
      const Address next = at + size;
      if (at == top_) return value(next) % kPage == 0 ? next : Address{};
      if (size == kHeader) {
        const Address end = next + kHeader;
        const bool fence = (head & kIsMapped) == 0 && r_.head(next) == (kHeader | kPrevInUse) && end <= most;
        return fence && value(end) % kPage == 0 ? end : Address{};
      }
      if (size < kLeastChunk || size % 16 || head & kIsMapped) return {};
      at = next;
    }
    return {};
  }

  const Reader& r_;
  const Address top_;
  std::uint64_t missing_;  // bytes that the arena says it has, and are in no region so far
};

// The index of the used chunk at an address: chunks are in order of address.
std::optional<std::size_t> used_chunk_at(const std::vector<MallocChunk>& chunks, Address a) {
  const auto at = std::lower_bound(chunks.begin(), chunks.end(), a,
                                   [](const MallocChunk& c, Address x) { return c.start < x; });
  if (at == chunks.end() || at->start != a || at->state != ChunkState::kUsed) return std::nullopt;
  return static_cast<std::size_t>(at - chunks.begin());
}

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

void mark_fast(const Reader& r, const GlibcArena& arena, MallocArena& out) {
  if (is_null(arena.fast_bins())) return;
  for (std::uint64_t i = 0; i < 10; ++i) {
    Address chunk{r.word(arena.fast_bins() + 8 * i)};
    for (std::size_t n = 0; !is_null(chunk) && n <= out.chunks.size(); ++n) {
      const auto at = used_chunk_at(out.chunks, chunk);
      if (!at) {
        out.sure = false;
        break;
      }
      out.chunks[*at].state = ChunkState::kFast;
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

void mark_cached(const Reader& r, std::vector<MallocArena>& arenas) {
  std::uint64_t budget = 10'000'000;  // links: chunks that only look like a cache may lead in circles
  for (const MallocArena& arena : arenas) {
    for (const MallocChunk& chunk : arena.chunks) {
      if (chunk.state != ChunkState::kUsed || budget == 0) continue;
      for (const CacheShape& shape : kCacheShapes) {
        if (chunk.size != (shape.bins * 10 + 8 + 15) / 16 * 16) continue;
        for (const Address member : cached_by(r, chunk, shape, budget)) {
          for (MallocArena& other : arenas) {
            const auto at = used_chunk_at(other.chunks, member);
            if (!at) continue;
            other.chunks[*at].state = ChunkState::kCached;
            other.cached_bytes += other.chunks[*at].size;
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

MallocArena read_arena(const Reader& r, const GlibcArena& glibc, const Mappings& mappings,
                       const std::vector<MallocArena::Range>& taken) {
  MallocArena out{.address = glibc.state, .main = glibc.main, .system_bytes = r.word(glibc.system_mem())};
  const Address top{r.word(glibc.top())};
  auto regions = regions_of(r, glibc, mappings);
  if (glibc.main) {
    std::uint64_t missing = out.system_bytes;
    for (const ArenaRegion& region : regions)
      missing -= std::min<std::uint64_t>(missing, region.end - region.start);
    for (const ArenaRegion& region : MappedRegions(r, top, missing).find(mappings, taken))
      regions.push_back(region);
    // Chunks are looked up by their addresses.
    std::sort(regions.begin(), regions.end(),
              [](const ArenaRegion& a, const ArenaRegion& b) { return a.start < b.start; });
  }
  for (const ArenaRegion& region : regions) walk(r, region, top, out);
  check_bins(r, glibc, out);
  mark_fast(r, glibc, out);
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
  const Reader reader(*capture.image);
  for (const GlibcArena& arena : found)
    heap.arenas.push_back(read_arena(reader, arena, capture.mappings, taken));
  mark_cached(reader, heap.arenas);
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
