#include "lib/analysis/memory_parts.h"

#include <algorithm>

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

// By address. Each allocator tells its regions in a piece, in whatever order: there are few of those, and a
// million parts.
std::vector<MemoryPart> in_order(std::vector<MemoryPart> parts) {
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
  std::vector<MemoryPart> sorted;
  sorted.reserve(parts.size());
  for (const Region& r : regions)
    sorted.insert(sorted.end(), parts.begin() + static_cast<std::ptrdiff_t>(r.first),
                  parts.begin() + static_cast<std::ptrdiff_t>(r.end));
  // Where allocators contradict each other regions lie within each other.
  if (!std::is_sorted(sorted.begin(), sorted.end(), before)) std::sort(sorted.begin(), sorted.end(), before);
  return sorted;
}

std::vector<MemoryPart> all_parts(const Objects& objects, const Pymalloc& pymalloc, const MallocHeap& malloc,
                                  std::size_t objects_in_all) {
  std::vector<MemoryPart> parts;
  std::size_t chunks = malloc.mapped.size();
  for (const MallocArena& arena : malloc.arenas) chunks += arena.chunks.size();
  parts.reserve(chunks + objects_in_all + objects_in_all / 4);  // and blocks that are free, or no objects
  for (const Pymalloc::Arena& arena : pymalloc.arenas)
    each_part(objects, pymalloc, arena, [&](Address start, std::uint64_t size, PymallocPart part) {
      parts.push_back({start, size, use_of(part)});
    });
  for (std::size_t a = 0; a < malloc.arenas.size(); ++a)
    for (const MallocChunk& c : malloc.arenas[a].chunks)
      parts.push_back({c.start, c.size, use_of(c.state), static_cast<std::uint32_t>(a)});
  for (const MallocChunk& c : malloc.mapped) parts.push_back({c.start, c.size, PartUse::kMappedChunk});
  parts = in_order(std::move(parts));
  // Allocators that both claim a place contradict each other: the first keeps it.
  const auto overlap = [](const MemoryPart& a, const MemoryPart& b) { return b.start < a.start + a.size; };
  parts.erase(std::unique(parts.begin(), parts.end(), overlap), parts.end());
  return parts;
}

// `first`, by part: where the object is that lies in it.
void place_objects(const HeapGraph& graph, MemoryParts& out, std::vector<Address>& first) {
  out.objects.assign(graph.types.size(), 0);
  first.assign(out.parts.size(), Address{});
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
    if (!is_null(first[part])) return;
    first[part] = a;
    p.use = PartUse::kObject;
    p.owner = type;
  });
}

class BufferFinder {
 public:
  BufferFinder(const HeapGraph& graph, const Objects& objects, std::vector<MemoryPart>& parts)
      : graph_(graph),
        image_(objects.image()),
        parts_(parts),
        starts_(image_.heap_positions() / kGrain / 64 + 1) {
    for (std::uint32_t i = 0; i < parts_.size(); ++i) {
      if (!is_used(parts_[i].use)) continue;
      unclaimed_.push_back(i);
      if (const auto at = position_of(parts_[i].start))
        starts_[*at / kGrain / 64] |= std::uint64_t{1} << (*at / kGrain % 64);
    }
  }

  void find(const std::vector<Address>& first) {
    for (std::uint32_t i = 0; i < parts_.size(); ++i) {
      if (is_null(first[i])) continue;
      const GraphType& type = graph_.types[parts_[i].owner];
      if (!type.info || !can_point(*type.info)) continue;
      const Address object = first[i];
      const Address end =
          std::min(parts_[i].start + parts_[i].size,
                   object + static_cast<std::uint64_t>(std::max<std::int64_t>(type.info->basicsize, 0)));
      follow(parts_[i].start, end, parts_[i].owner);
    }
  }

 private:
  // Pointers lead to what malloc returned, or a bit behind: a debug build has words of its own in front.
  static constexpr std::uint64_t kInto = 64;
  static constexpr std::uint64_t kGrain = 16;
  static constexpr std::uint64_t kMostFollowed =
      4096;  // larger buffers hold data or objects, not more buffers

  static bool can_point(const TypeInfo& type) {
    return type.has_references || may_have_buffers(type) || type.resolution == Resolution::kUnknown;
  }
  std::optional<std::uint64_t> position_of(Address a) const {
    const Image::Segment* const s = image_.find(a);
    if (!s || !s->heap) return std::nullopt;
    return s->position + (a - s->start);
  }
  // Begins one that nobody had at most kInto before it? What is answered wrongly with yes is looked for in
  // vain.
  bool may_lead_to_one(std::uint64_t position) const {
    constexpr std::uint64_t kGrains = kInto / kGrain, kMask = (std::uint64_t{2} << kGrains) - 1;
    const std::uint64_t bit = position / kGrain, word = bit / 64, shift = bit % 64;
    if (shift >= kGrains) return starts_[word] >> (shift - kGrains) & kMask;
    const std::uint64_t before = word ? starts_[word - 1] >> (64 - (kGrains - shift)) : 0;
    return (starts_[word] << (kGrains - shift) | before) & kMask;
  }
  // Claims what the words of [start, end) point to, and what that points to.
  void follow(Address start, Address end, std::uint32_t owner) {
    waiting_.clear();
    look(start, end, owner);
    while (!waiting_.empty()) {
      const MemoryPart& p = parts_[waiting_.back()];
      waiting_.pop_back();
      look(p.start, p.start + p.size, owner);
    }
  }
  void look(Address start, Address end, std::uint32_t owner) {
    const std::byte* const bytes = end > start ? image_.at(start, end - start) : nullptr;
    if (!bytes) return;
    for (std::uint64_t i = 0; i < (end - start) / 8; ++i) {
      const Address a{word_at(bytes, i)};
      const auto position = value(a) < kPageBytes ? std::nullopt : position_of(a);
      if (!position || !may_lead_to_one(*position)) continue;
      auto at = std::upper_bound(unclaimed_.begin(), unclaimed_.end(), a,
                                 [&](Address x, std::uint32_t p) { return x < parts_[p].start; });
      if (at == unclaimed_.begin()) continue;
      MemoryPart& p = parts_[*--at];
      if (!is_used(p.use) || a - p.start > kInto || a - p.start >= p.size) continue;
      p.use = PartUse::kBuffer;
      p.owner = owner;
      if (p.size <= kMostFollowed) waiting_.push_back(*at);
    }
  }

  const HeapGraph& graph_;
  const Image& image_;
  std::vector<MemoryPart>& parts_;
  std::vector<std::uint64_t>
      starts_;  // a bit for each kGrain of the heap's positions: one of unclaimed_ begins there
  std::vector<std::uint32_t> unclaimed_;  // parts that nobody had, ascending
  std::vector<std::uint32_t> waiting_;
};

}  // namespace

MemoryParts divide_memory(const HeapGraph& graph, const Objects& objects, const Pymalloc& pymalloc,
                          const MallocHeap& malloc) {
  MemoryParts out;
  out.parts = all_parts(objects, pymalloc, malloc, graph.nodes());
  std::vector<Address> first;
  place_objects(graph, out, first);
  BufferFinder(graph, objects, out.parts).find(first);
  return out;
}

}  // namespace heapglass
