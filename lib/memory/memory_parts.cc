#include "lib/memory/memory_parts.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "lib/python/sizes.h"
#include "lib/python/types.h"
#include "lib/python/words.h"

namespace heapglass {
namespace {

constexpr std::string_view kCapsule = "builtins.PyCapsule";

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

using Parts = LargeVector<MemoryPart>;

void add(Parts& parts, Address start, std::uint64_t size, PartUse use, std::uint32_t owner = 0) {
  if (MemoryPart::can_be(start, size)) parts.emplace_back(start, size, use, owner);
}

// How many parts there are at most, as long as no header contradicts itself, so that their room is got once:
// growing it takes longer than filling it.
std::size_t most_parts(const Pymalloc& pymalloc) {
  constexpr std::size_t kOfPool = 2, kOfArena = 3;  // a header and a rest; before, between and behind pools
  std::size_t most = 0;
  for (const PymallocFigures::OfSize& s : pymalloc.figures.sizes)
    most += s.used + s.available + s.pools * kOfPool;
  if (pymalloc.pool_size) most += pymalloc.figures.unused_pools / pymalloc.pool_size;
  return most + pymalloc.arenas.size() * kOfArena;
}

// malloc's chunks in order of address. It tells its regions in a piece, in whatever order.
class ChunksInOrder {
 public:
  explicit ChunksInOrder(const MallocHeap& malloc) {
    for (std::uint32_t a = 0; a < malloc.arenas.size(); ++a) {
      const std::vector<MallocChunk>& chunks = malloc.arenas[a].chunks;
      for (std::size_t first = 0, i = 1; i <= chunks.size(); ++i) {
        if (i < chunks.size() && chunks[i].start == chunks[i - 1].start + chunks[i - 1].size) continue;
        regions_.push_back({chunks.data() + first, chunks.data() + i, a, false});
        first = i;
      }
      count_ += chunks.size();
    }
    for (const MallocChunk& c : malloc.mapped) regions_.push_back({&c, &c + 1, 0, true});
    count_ += malloc.mapped.size();
    std::stable_sort(regions_.begin(), regions_.end(),
                     [](const Region& a, const Region& b) { return a.chunk->start < b.chunk->start; });
  }
  std::size_t count() const { return count_; }
  // Those not yet taken that begin before `end`.
  void take(Address end, Parts& parts) {
    for (; region_ < regions_.size(); ++region_) {
      for (Region& r = regions_[region_]; r.chunk != r.end; ++r.chunk) {
        if (r.chunk->start >= end) return;
        add(parts, r.chunk->start, r.chunk->size, r.mapped ? PartUse::kMappedChunk : use_of(r.chunk->state),
            r.arena);
      }
    }
  }

 private:
  struct Region {
    const MallocChunk *chunk, *end;
    std::uint32_t arena;
    bool mapped;
  };
  std::vector<Region> regions_;
  std::size_t region_ = 0, count_ = 0;
};

Parts all_parts(const Objects& objects, const Pymalloc& pymalloc, const MallocHeap& malloc) {
  std::vector<const Pymalloc::Arena*> arenas;
  arenas.reserve(pymalloc.arenas.size());
  for (const Pymalloc::Arena& arena : pymalloc.arenas) arenas.push_back(&arena);
  std::sort(arenas.begin(), arenas.end(), [](const auto* a, const auto* b) { return a->start < b->start; });
  ChunksInOrder chunks(malloc);
  Parts parts;
  parts.reserve(chunks.count() + most_parts(pymalloc));
  for (const Pymalloc::Arena* arena : arenas) {
    chunks.take(arena->start, parts);
    each_part(objects, pymalloc, *arena,
              [&](Address start, std::uint64_t size, std::uint64_t count, PymallocPart part) {
                const PartUse use = use_of(part);
                for (std::uint64_t i = 0; i < count; ++i) add(parts, start + i * size, size, use);
              });
  }
  chunks.take(Address{~std::uint64_t{0}}, parts);
  // Where allocators contradict each other regions lie within each other, and the first keeps its place.
  const auto before = [](const MemoryPart& a, const MemoryPart& b) { return a.start() < b.start(); };
  if (!std::is_sorted(parts.begin(), parts.end(), before))
    std::stable_sort(parts.begin(), parts.end(), before);
  const auto overlap = [](const MemoryPart& a, const MemoryPart& b) { return b.start() < a.end(); };
  parts.erase(std::unique(parts.begin(), parts.end(), overlap), parts.end());
  return parts;
}

void place_objects(const HeapGraph& graph, MemoryParts& out) {
  out.objects.assign(graph.types.size(), 0);
  std::size_t part = 0;
  std::uint32_t node = 0;
  graph.index->each_in_blocks(0, graph.index->blocks(), [&](Address a) {
    const NodeId n{node++};
    while (part < out.parts.size() && out.parts[part].end() <= a) ++part;
    if (part == out.parts.size() || a < out.parts[part].start() ||
        out.parts[part].use() == PartUse::kUncertain) {
      out.elsewhere.push_back(n);
      return;
    }
    MemoryPart& p = out.parts[part];
    const std::uint32_t type = graph.type[index(n)];
    ++out.objects[type];
    if (p.use() != PartUse::kObject) p.has_object(a, type);
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
        before_(starts_.size()),
        filter_(std::bit_ceil(image.heap_positions() / kPageBytes / 8 + 1)),  // eight bits a page
        filter_shift_(64 - std::countr_zero(filter_.size() * 64)) {
    for (std::uint32_t i = 0; i < parts.size(); ++i) {
      if (!is_used(parts[i].use())) continue;
      const auto at = position_of(parts[i].start());
      if (!at) continue;
      for (const Address a : {parts[i].start(), parts[i].start() + kInto})
        filter_[filter_bit(a) / 64] |= std::uint64_t{1} << (filter_bit(a) % 64);
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
    if (!(filter_[filter_bit(a) / 64] >> (filter_bit(a) % 64) & 1)) return std::nullopt;
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
        if (parts_[i].start() > a) continue;  // begins in the second half of the grain
        while (i + 1 < parts_.size() && parts_[i + 1].start() <= a) ++i;
        const MemoryPart& p = parts_[i];
        if (is_used(p.use()) && a - p.start() <= kInto && a - p.start() < p.size()) return i;
        return std::nullopt;
      }
      if (word == 0) break;
    }
    return std::nullopt;
  }

  // The index of the part that `a` lies in, and that is not claimed.
  std::optional<std::uint32_t> find_around(Address a) const {
    if (!position_of(a)) return std::nullopt;
    const auto behind = std::upper_bound(parts_.begin(), parts_.end(), a,
                                         [](Address x, const MemoryPart& p) { return x < p.start(); });
    if (behind == parts_.begin()) return std::nullopt;
    const MemoryPart& p = *(behind - 1);
    if (!is_used(p.use()) || p.end() <= a) return std::nullopt;
    return static_cast<std::uint32_t>(&p - parts_.data());
  }

 private:
  static constexpr std::uint64_t kGrain = 16;

  // Of at most kInto bytes no two pages lie between both ends.
  std::uint64_t filter_bit(Address a) const {
    return value(a) / kPageBytes * 0x9e3779b97f4a7c15 >> filter_shift_;
  }
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
  // By a hash of its page, whether find() may find something in it: nearly every word that is asked about
  // leads to an object, or to nothing.
  std::vector<std::uint64_t> filter_;
  const int filter_shift_;
};

class BufferFinder {
 public:
  // `holder`, by part: who claimed it; empty: nobody asks. `native`: null where nobody asks.
  BufferFinder(const HeapGraph& graph, const Objects& objects, Parts& parts,
               LargeVector<std::uint32_t>& holder, std::vector<NativeMemory>* native)
      : holder_(holder),
        graph_(graph),
        image_(objects.image()),
        head_(static_cast<std::uint64_t>(objects.layout().PyObject.ob_type) + 8),
        parts_(parts),
        unclaimed_(image_, parts),
        native_(native) {
    for (const GraphType& type : graph.types) {
      const bool points = type.info && can_point(*type.info);
      reach_.push_back(points ? static_cast<std::uint64_t>(std::max<std::int64_t>(type.info->basicsize, 0))
                              : 0);
      may_be_native_.push_back(points && may_have_native_memory(*type.info));
      is_capsule_.push_back(points && type.info->name == kCapsule);
      is_connection_.push_back(points && type.info->name == "sqlite3.Connection");
      points_inside_.push_back(points && type.info->name.starts_with("sqlite3."));
    }
  }

  void find() {
    for (std::uint32_t i = 0; i < parts_.size(); ++i) {
      const MemoryPart& p = parts_[i];
      if (p.use() != PartUse::kObject || reach_[p.owner()] == 0 || is_null(p.object())) continue;
      if (may_be_native_[p.owner()]) natives_.push_back({p.object(), i, false});
    }
    // SQLite's statements lead to their database, which is the connection's; and a word that nothing has set,
    // in a frame or a stack of values, must not. Databases are in lists of their library: what several have
    // may count for one of them.
    for (std::uint32_t i = 0; i < natives_.size(); ++i)
      if (is_connection_[parts_[natives_[i].part].owner()]) claim_after_referents(i);
    for (const MemoryPart& p : parts_)
      if (p.use() == PartUse::kObject && reach_[p.owner()] != 0 && !is_null(p.object()) &&
          !may_be_native_[p.owner()])
        claim(p);
    // A capsule is how extensions hand tables to each other: that of pybind11 leads to all objects of all of
    // its types. What is left when all others have theirs may be a capsule's own.
    for (std::uint32_t i = 0; i < natives_.size(); ++i)
      if (!is_capsule(i)) claim_after_referents(i);
    for (std::uint32_t i = 0; i < natives_.size(); ++i) claim_after_referents(i);
  }

 private:
  // Larger buffers hold data or objects, not more buffers; but the state of a library (zlib's is 6 kB,
  // SQLite's tables are larger) leads on.
  static constexpr std::uint64_t kMostFollowed = 4096, kMostFollowedOfLibrary = 65'536;

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Native {
    Address object{};
    std::uint32_t part = 0;
    bool met = false;
  };
  // An object whose referents are gone through, up to its word `at`.
  struct Open {
    std::uint32_t native, at;
  };

  static bool can_point(const TypeInfo& type) {
    // What these lead to is somebody else's, whom they hold.
    if (type.name == "builtins.managedbuffer" || type.name == "builtins.memoryview") return false;
    return type.has_references || may_have_buffers(type) || type.resolution == Resolution::kUnknown ||
           may_have_native_memory(type);
  }

  void claim_after_referents(std::uint32_t first) {
    if (natives_[first].met) return;
    natives_[first].met = true;
    std::vector<Open> open{{first, 0}};
    while (!open.empty()) {
      Open& top = open.back();
      const Native& native = natives_[top.native];
      const MemoryPart& part = parts_[native.part];
      const std::uint64_t words =
          std::min<std::uint64_t>(reach_[part.owner()], part.end() - native.object) / 8;
      const std::byte* const bytes = image_.at(native.object, words * 8);
      std::uint32_t next = kNone;
      for (; bytes && top.at < words && next == kNone; ++top.at) {
        next = native_at(Address{word_at(bytes, top.at)});
        if (next != kNone && (natives_[next].met || is_capsule(next))) next = kNone;
      }
      if (next != kNone) {
        natives_[next].met = true;
        open.push_back({next, 0});
        continue;
      }
      const NativeMemory has = claim(parts_[native.part]);
      if (native_ && has.blocks) native_->push_back(has);
      open.pop_back();
    }
  }
  bool is_capsule(std::uint32_t native) const { return is_capsule_[parts_[natives_[native].part].owner()]; }
  std::uint32_t native_at(Address a) const {
    const auto at = std::lower_bound(natives_.begin(), natives_.end(), a,
                                     [](const Native& n, Address x) { return n.object < x; });
    return at == natives_.end() || at->object != a ? kNone
                                                   : static_cast<std::uint32_t>(at - natives_.begin());
  }

  // What an object's fields lead to and nobody has becomes its own.
  NativeMemory claim(const MemoryPart& p) {
    const Address object = p.object();
    at_ = static_cast<std::uint32_t>(&p - parts_.data());
    NativeMemory has;
    // What stands in front of it may be the collector's, or its dict; its count and its type are no
    // buffers.
    look(p.start(), std::min(p.end(), object + reach_[p.owner()]), object, p.owner(), has);
    while (!waiting_.empty()) {
      const MemoryPart& next = parts_[waiting_.back()];
      waiting_.pop_back();
      follow(next, p.owner(), has);
    }
    if (native_ && has.blocks && may_be_native_[p.owner()]) has.object = graph_.index->find(object);
    return has;
  }
  // What of a claimed block leads on. What a list or deque has no items in is not set: words of what was
  // there before.
  void follow(const MemoryPart& block, std::uint32_t owner, NativeMemory& has) {
    const TypeInfo* const type = graph_.types[owner].info;
    if (type && type->flags & kTpListSubclass) return;
    if (!type || type->body != TraverseRule::kDeque) {
      look(block.start(), block.end(), block.end(), owner, has);
      return;
    }
    // leftlink, 64 items, rightlink
    constexpr std::uint64_t kRightLink = std::uint64_t{65} * 8;
    look(block.start(), block.start() + 8, block.end(), owner, has);
    if (block.size() >= kRightLink + 8)
      look(block.start() + kRightLink, block.start() + kRightLink + 8, block.end(), owner, has);
  }
  // Claims what the words of [start, end) point to, but for those of the head at `object`.
  void look(Address start, Address end, Address object, std::uint32_t owner, NativeMemory& has) {
    const std::byte* const bytes = end > start ? image_.at(start, end - start) : nullptr;
    if (!bytes) return;
    const std::uint64_t words = (end - start) / 8, head = object < end ? (object - start) / 8 : words;
    for (std::uint64_t i = 0; i < words; ++i) {
      if (i == head) i += head_ / 8;
      if (i >= words) return;
      auto found = unclaimed_.find(Address{word_at(bytes, i)});
      if (!found && points_inside_[owner]) found = unclaimed_.find_around(Address{word_at(bytes, i)});
      if (!found) continue;
      MemoryPart& p = parts_[*found];
      p.is_buffer_of(owner);
      if (!holder_.empty()) holder_[*found] = at_;
      has.bytes += p.size();
      ++has.blocks;
      if (p.size() <= (may_be_native_[owner] ? kMostFollowedOfLibrary : kMostFollowed))
        waiting_.push_back(*found);
    }
  }

  LargeVector<std::uint32_t>& holder_;
  std::uint32_t at_ = 0;  // the part whose buffers are looked for
  const HeapGraph& graph_;
  const Image& image_;
  const std::uint64_t head_;  // bytes
  Parts& parts_;
  const Unclaimed unclaimed_;
  std::vector<NativeMemory>* const native_;
  std::vector<std::uint64_t> reach_;  // by type: how much of an object may point to buffers
  std::vector<bool> may_be_native_;   // by type
  std::vector<bool> is_capsule_;      // by type: PyCapsule
  std::vector<bool> is_connection_;   // by type: sqlite3.Connection
  std::vector<bool> points_inside_;   // by type: SQLite has the head of a page behind its data
  std::vector<Native> natives_;       // in order of address
  std::vector<std::uint32_t> waiting_;
};

}  // namespace

bool may_have_native_memory(const TypeInfo& type) {
  if (type.words_end || type.resolution == Resolution::kUnknown) return !(type.flags & kTpTypeSubclass);
  static constexpr std::string_view kAroundLibraries[] = {
      "_bz2.",
      "_hashlib.",
      "_lzma.",
      "_sqlite3.",
      "_ssl.",
      "_zstd.",
      "compression.zstd",
      "builtins.ImagingCore",  // Pillow's, without a module
      kCapsule,
      "pyexpat.",
      "sqlite3.",
      "ssl.",
      "zlib."};
  return std::any_of(std::begin(kAroundLibraries), std::end(kAroundLibraries),
                     [&](std::string_view name) { return type.name.starts_with(name); });
}

MemoryParts partition_memory(const HeapGraph& graph, const Objects& objects, const Pymalloc& pymalloc,
                             const MallocHeap& malloc, bool with_holders, std::vector<NativeMemory>* native) {
  MemoryParts out;
  out.parts = all_parts(objects, pymalloc, malloc);
  place_objects(graph, out);
  if (with_holders) {
    out.holder.resize(out.parts.size());
    out.mapped.reserve(out.parts.size());
    for (const MemoryPart& p : out.parts) out.mapped.push_back(p.use() == PartUse::kMappedChunk);
  }
  BufferFinder(graph, objects, out.parts, out.holder, native).find();
  return out;
}

}  // namespace heapglass
