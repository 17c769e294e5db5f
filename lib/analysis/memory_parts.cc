#include "lib/analysis/memory_parts.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "lib/python/sizes.h"
#include "lib/python/types.h"
#include "lib/python/words.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

bool is_used(PartUse use) {
  return use == PartUse::kPymallocUsed || use == PartUse::kMallocUsed || use == PartUse::kMappedChunk;
}

PartUse use_of(PymallocPart part) {
  switch (part) {
    case PymallocPart::kUsed:
      return PartUse::kPymallocUsed;
    case PymallocPart::kFree:
      return PartUse::kPymallocFree;
    case PymallocPart::kFreePool:
      return PartUse::kPymallocFreePool;
    case PymallocPart::kOverhead:
      return PartUse::kPymallocOverhead;
    case PymallocPart::kUncertain:
      break;
  }
  return PartUse::kUncertain;
}

PartUse use_of(ChunkState state) {
  switch (state) {
    case ChunkState::kUsed:
      return PartUse::kMallocUsed;
    case ChunkState::kFree:
    case ChunkState::kFast:
      return PartUse::kMallocFree;
    case ChunkState::kCached:
      return PartUse::kMallocCached;
    case ChunkState::kTop:
      return PartUse::kMallocTop;
    case ChunkState::kOverhead:
      return PartUse::kMallocOverhead;
    case ChunkState::kUncertain:
      break;
  }
  return PartUse::kUncertain;
}

bool before(const MemoryPart& a, const MemoryPart& b) { return a.start < b.start; }

using Parts = LargeVector<MemoryPart>;

// By address. malloc tells its regions in a piece, in whatever order: there are few of those, and perhaps a
// million parts.
Parts in_order(Parts parts) {
  struct Region {
    std::size_t first, end;  // of parts, each where the one before it ends
  };
  std::vector<Region> regions;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i && parts[i].start == parts[i - 1].start + parts[i - 1].size)
      regions.back().end = i + 1;
    else
      regions.push_back({i, i + 1});
  }
  std::sort(regions.begin(), regions.end(),
            [&](const Region& a, const Region& b) { return before(parts[a.first], parts[b.first]); });
  Parts sorted;
  sorted.reserve(parts.size());
  for (const Region& r : regions)
    sorted.insert(sorted.end(), parts.begin() + static_cast<std::ptrdiff_t>(r.first),
                  parts.begin() + static_cast<std::ptrdiff_t>(r.end));
  return sorted;
}

Parts parts_of(const MallocHeap& malloc) {
  std::size_t chunks = malloc.mapped.size();
  for (const MallocArena& arena : malloc.arenas) chunks += arena.chunks.size();
  Parts parts;
  parts.reserve(chunks);
  for (std::size_t a = 0; a < malloc.arenas.size(); ++a)
    for (const MallocChunk& c : malloc.arenas[a].chunks)
      parts.push_back({c.start, c.size, use_of(c.state), static_cast<std::uint32_t>(a)});
  for (const MallocChunk& c : malloc.mapped) parts.push_back({c.start, c.size, PartUse::kMappedChunk});
  return in_order(std::move(parts));
}

Parts all_parts(const Objects& objects, const Pymalloc& pymalloc, const MallocHeap& malloc,
                std::size_t objects_in_all) {
  const Parts others = parts_of(malloc);
  std::vector<const Pymalloc::Arena*> arenas;
  for (const Pymalloc::Arena& arena : pymalloc.arenas) arenas.push_back(&arena);
  std::sort(arenas.begin(), arenas.end(), [](const auto* a, const auto* b) { return a->start < b->start; });
  Parts parts;
  // And blocks that are free, or no objects.
  parts.reserve(others.size() + objects_in_all + objects_in_all / 4);
  auto other = others.begin();
  for (const Pymalloc::Arena* arena : arenas) {
    const auto behind = std::partition_point(
        other, others.end(), [&](const MemoryPart& each) { return each.start < arena->start; });
    parts.insert(parts.end(), other, behind);
    other = behind;
    each_part(objects, pymalloc, *arena, [&](Address start, std::uint64_t size, PymallocPart part) {
      parts.push_back({start, size, use_of(part)});
    });
  }
  parts.insert(parts.end(), other, others.end());
  // Where allocators contradict each other regions lie within each other, and the first keeps its place.
  if (!std::is_sorted(parts.begin(), parts.end(), before))
    std::stable_sort(parts.begin(), parts.end(), before);
  const auto overlap = [](const MemoryPart& a, const MemoryPart& b) { return b.start < a.start + a.size; };
  parts.erase(std::unique(parts.begin(), parts.end(), overlap), parts.end());
  return parts;
}

void place_objects(const HeapGraph& graph, MemoryParts& out) {
  out.objects.assign(graph.types.size(), 0);
  std::size_t part = 0;
  std::uint32_t node = 0;
  graph.index->each_in_blocks(0, graph.index->blocks(), [&](Address a) {
    const NodeId n{node++};
    while (part < out.parts.size() && out.parts[part].start + out.parts[part].size <= a) ++part;
    if (part == out.parts.size() || a < out.parts[part].start || out.parts[part].use == PartUse::kUncertain) {
      out.elsewhere.push_back(n);
      return;
    }
    MemoryPart& p = out.parts[part];
    const std::uint32_t type = graph.type[index(n)];
    ++out.objects[type];
    if (p.use == PartUse::kObject) return;
    p.use = PartUse::kObject;
    p.owner = type;
    // Of a larger distance nobody knows a case; then what it points to stays without an owner.
    p.object_at = static_cast<std::uint32_t>(std::min<std::uint64_t>(a - p.start, ~std::uint32_t{0}));
  });
}

// The parts that somebody has and nobody is known of, found by an address in them or a bit behind their
// start.
class Unclaimed {
 public:
  // Pointers lead to what malloc returned, or a bit behind: a debug build has words of its own in front.
  static constexpr std::uint64_t kInto = 64;

  Unclaimed(const Image& image, const Parts& parts)
      : image_(image),
        parts_(parts),
        starts_(image.heap_positions() / kGrain / 64 + 1),
        before_(starts_.size()) {
    for (std::uint32_t i = 0; i < parts.size(); ++i) {
      if (!is_used(parts[i].use)) continue;
      const auto at = position_of(parts[i].start);
      if (!at) continue;
      const std::uint64_t bit = std::uint64_t{1} << (*at / kGrain % 64);
      std::uint64_t& word = starts_[*at / kGrain / 64];
      if (word & bit) continue;  // in the same grain as the one before: found from there
      word |= bit;
      parts_of_bits_.push_back(i);
    }
    std::uint32_t bits = 0;
    for (std::size_t w = 0; w < starts_.size(); ++w) {
      before_[w] = bits;
      bits += static_cast<std::uint32_t>(std::popcount(starts_[w]));
    }
  }

  // The index of the part that begins at most kInto before `a`, and is not claimed.
  std::optional<std::uint32_t> find(Address a) const {
    if (value(a) < kPageBytes) return std::nullopt;
    const auto position = position_of(a);
    if (!position) return std::nullopt;
    constexpr std::uint64_t kGrains = kInto / kGrain;
    const std::uint64_t last = *position / kGrain, first = last >= kGrains ? last - kGrains : 0;
    for (std::uint64_t word = last / 64; word + 1 > first / 64; --word) {
      std::uint64_t bits = starts_[word];
      if (word == last / 64) bits &= ~std::uint64_t{0} >> (63 - last % 64);
      if (word == first / 64) bits &= ~std::uint64_t{0} << (first % 64);
      for (; bits; bits &= ~(std::uint64_t{1} << (63 - std::countl_zero(bits)))) {
        const int top = 63 - std::countl_zero(bits);
        const std::uint64_t below = starts_[word] & ((std::uint64_t{1} << top) - 1);
        std::uint32_t i = parts_of_bits_[before_[word] + static_cast<std::uint32_t>(std::popcount(below))];
        if (parts_[i].start > a) continue;  // begins in the second half of the grain
        while (i + 1 < parts_.size() && parts_[i + 1].start <= a) ++i;
        const MemoryPart& p = parts_[i];
        if (is_used(p.use) && a - p.start <= kInto && a - p.start < p.size) return i;
        return std::nullopt;
      }
      if (word == 0) break;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint64_t kGrain = 16;

  std::optional<std::uint64_t> position_of(Address a) const {
    const Image::Segment* const s = image_.find(a);
    if (!s || !s->heap) return std::nullopt;
    return s->position + (a - s->start);
  }

  const Image& image_;
  const Parts& parts_;
  std::vector<std::uint64_t> starts_;  // a bit for each kGrain of the heap's positions: one begins there
  std::vector<std::uint32_t> before_;  // bits in the words before this one
  std::vector<std::uint32_t> parts_of_bits_;
};

class BufferFinder {
 public:
  BufferFinder(const HeapGraph& graph, const Objects& objects, Parts& parts)
      : graph_(graph),
        image_(objects.image()),
        head_(static_cast<std::uint64_t>(objects.layout().PyObject.ob_type) + 8),
        parts_(parts),
        unclaimed_(image_, parts) {}

  void find() {
    for (const MemoryPart& p : parts_) {
      if (p.use != PartUse::kObject) continue;
      const GraphType& type = graph_.types[p.owner];
      if (!type.info || !can_point(*type.info)) continue;
      const Address object = p.start + p.object_at;
      const Address end =
          std::min(p.start + p.size,
                   object + static_cast<std::uint64_t>(std::max<std::int64_t>(type.info->basicsize, 0)));
      // What stands in front of it may be the collector's, or its dict.
      look(p.start, std::min(object, end), p.owner);
      look(object + head_, end, p.owner);  // its count and its type are no buffers
      while (!waiting_.empty()) {
        const MemoryPart& next = parts_[waiting_.back()];
        waiting_.pop_back();
        look(next.start, next.start + next.size, p.owner);
      }
    }
  }

 private:
  static constexpr std::uint64_t kMostFollowed =
      4096;  // larger buffers hold data or objects, not more buffers

  static bool can_point(const TypeInfo& type) {
    return type.has_references || may_have_buffers(type) || type.resolution == Resolution::kUnknown;
  }
  // Claims what the words of [start, end) point to.
  void look(Address start, Address end, std::uint32_t owner) {
    const std::byte* const bytes = end > start ? image_.at(start, end - start) : nullptr;
    if (!bytes) return;
    for (std::uint64_t i = 0; i < (end - start) / 8; ++i) {
      const auto found = unclaimed_.find(Address{word_at(bytes, i)});
      if (!found) continue;
      MemoryPart& p = parts_[*found];
      p.use = PartUse::kBuffer;
      p.owner = owner;
      if (p.size <= kMostFollowed) waiting_.push_back(*found);
    }
  }

  const HeapGraph& graph_;
  const Image& image_;
  const std::uint64_t head_;  // bytes
  Parts& parts_;
  const Unclaimed unclaimed_;
  std::vector<std::uint32_t> waiting_;
};

}  // namespace

MemoryParts divide_memory(const HeapGraph& graph, const Objects& objects, const Pymalloc& pymalloc,
                          const MallocHeap& malloc) {
  MemoryParts out;
  out.parts = all_parts(objects, pymalloc, malloc, graph.nodes());
  place_objects(graph, out);
  BufferFinder(graph, objects, out.parts).find();
  return out;
}

}  // namespace heapglass
