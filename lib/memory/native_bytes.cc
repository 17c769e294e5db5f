#include "lib/memory/native_bytes.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <unordered_set>

#include "lib/base/page.h"
#include "lib/heap/node_chunks.h"
#include "lib/python/sizes.h"
#include "lib/python/words.h"

namespace heapglass {
namespace {

void set_bytes(SizeColumn& column, std::uint32_t node, std::uint64_t bytes) {
  if (bytes < SizeColumn::kLarge)
    column.set_small(node, static_cast<std::uint32_t>(bytes));
  else
    column.set_large(node, bytes);
}

// How much memory an object can have at most: its own block, and all that its words lead to, block by block.
class Reach {
 public:
  Reach(const LargeVector<MemoryPart>& parts, const Image& image, const Mappings& mappings)
      : parts_(parts), image_(image), mappings_(mappings) {}

  const MemoryPart* part_of(Address a) const {
    const auto behind = std::upper_bound(parts_.begin(), parts_.end(), a,
                                         [](Address x, const MemoryPart& p) { return x < p.start(); });
    if (behind == parts_.begin() || (behind - 1)->end() <= a) return nullptr;
    return &*(behind - 1);
  }
  // nullopt: too much to be looked at.
  std::optional<std::uint64_t> bytes_of(const MemoryPart& own) {
    constexpr std::size_t kMost = 10'000;  // blocks
    constexpr std::uint64_t kMostFollowed = 1 << 16;
    seen_.clear();
    waiting_.assign(1, &own);
    seen_.insert(value(own.start()));
    std::uint64_t bytes = own.size();
    while (!waiting_.empty()) {
      const MemoryPart& p = *waiting_.back();
      waiting_.pop_back();
      const std::byte* const words = image_.at(p.start(), p.size());
      for (std::uint64_t i = 0; words && i < p.size() / 8; ++i) {
        if (words_left_ == 0) return std::nullopt;
        --words_left_;
        const Address a{word_at(words, i)};
        const MemoryPart* const to = part_of(a);
        if (!to) {
          bytes += mapping_at(a);
        } else if (is_others(*to) && seen_.insert(value(to->start())).second) {
          if (seen_.size() > kMost) return std::nullopt;
          bytes += to->size();
          if (to->size() <= kMostFollowed) waiting_.push_back(to);
        }
      }
    }
    return bytes;
  }

 private:
  static bool is_others(const MemoryPart& p) {
    return p.use() == PartUse::kBuffer || p.use() == PartUse::kPymallocUsed ||
           p.use() == PartUse::kMallocUsed || p.use() == PartUse::kMappedChunk ||
           p.use() == PartUse::kUncertain;
  }
  // Bytes of a mapping that no known allocator has, which is nobody's program either; once.
  std::uint64_t mapping_at(Address a) {
    if (is_null(a) || value(a) >> 47) return 0;
    const Mapping* const m = find_mapping(mappings_, a);
    if (!m || m->has_file() || m->path.starts_with("[") || !seen_.insert(value(m->start) | 1).second)
      return 0;
    return m->end - m->start;
  }

  const LargeVector<MemoryPart>& parts_;
  const Image& image_;
  const Mappings& mappings_;
  std::uint64_t words_left_ = 50'000'000;  // of all objects together: there may be any number that contradict
  std::unordered_set<std::uint64_t> seen_;
  std::vector<const MemoryPart*> waiting_;
};

// A type whose own code, or a count in its objects, says how large they are, and nobody has checked that.
bool says_its_size(const TypeInfo& type) {
  if (type.flags & kTpTypeSubclass) return false;
  return type.size_by_c || (type.itemsize > 0 && may_have_native_memory(type));
}

class Contradictions {
 public:
  Contradictions(HeapGraph& graph, const MemoryParts& parts, const Image& image, const Capture& capture)
      : graph_(graph), reach_(parts.parts, image, capture.mappings) {
    for (const Mapping& m : capture.mappings) mapped_ += m.end - m.start;
  }
  void check(std::uint32_t node, Address a, const TypeInfo& type) {
    const std::uint64_t size = graph_.size[node];
    const MemoryPart* const own = reach_.part_of(a);
    std::uint64_t most = mapped_;
    if (own && size <= own->size()) return;
    if (own)
      most = type.size_by_c ? reach_.bytes_of(*own).value_or(mapped_) : own->size();
    else if (size > mapped_)
      most = static_cast<std::uint64_t>(type.basicsize) + type.pre_header_size;
    // A few bytes more than the block are how some types round (numpy's scalars): what they say is kept.
    constexpr std::uint64_t kRounding = 4096;
    if (size <= most + kRounding) return;
    Told& told = told_[type.name];
    ++told.objects;
    told.said += size;
    told.counted += most;
    set_bytes(graph_.size, node, most);
  }
  const MemoryPart* part_of(Address a) const { return reach_.part_of(a); }
  std::optional<Caveat> caveat() const {
    if (told_.empty()) return std::nullopt;
    constexpr std::size_t kMost = 8;
    Caveat caveat{.kind = "sizes-contradicted"};
    for (const auto& [name, told] : told_) {
      caveat.count += told.objects;
      if (caveat.examples.size() == kMost) continue;
      caveat.text += (caveat.examples.empty() ? "" : "; ") + std::to_string(told.objects) + " objects of " +
                     name + " say that they have " + std::to_string(told.said) +
                     " bytes, which their memory cannot have: they count with " +
                     std::to_string(told.counted);
      caveat.examples.push_back(name);
    }
    if (told_.size() > kMost)
      caveat.text += "; and others of " + std::to_string(told_.size() - kMost) + " types";
    return caveat;
  }

 private:
  struct Told {
    std::uint64_t objects = 0, said = 0, counted = 0;
  };
  HeapGraph& graph_;
  Reach reach_;
  std::uint64_t mapped_ = 0;
  std::map<std::string, Told> told_;
};

// What objects tell of themselves and sys.getsizeof does not count.
void add_told(HeapGraph& graph, const Objects& objects) {
  std::mutex mutex;
  for_each_chunk(*graph.index, [&](const NodeChunk& piece) {
    piece.each([&](std::uint32_t node, Address a) {
      const TypeInfo* const type = graph.types[graph.type[node]].info;
      if (!type || !may_have_buffers_beyond_size(*type)) return;
      const ExternalBytes external = external_of(objects, a, *type, graph.size[node]);
      if (external.in_size || external.bytes == 0) return;
      const std::lock_guard lock(mutex);
      set_bytes(graph.beyond, node, graph.beyond[node] + external.bytes);
    });
  });
}

// Every process has a few capsules, with tables of functions: they alone are not worth a look at what the
// allocators have. Many are, and one that leads to a block that malloc has mapped for itself.
class CapsuleCount {
 public:
  explicit CapsuleCount(const Objects& objects) : objects_(objects) {}
  void add(Address capsule) {
    constexpr std::uint64_t kChunkHead = 16;
    const Address to = objects_.pointer(capsule, objects_.layout().PyCapsule.pointer);
    const Image::Segment* const segment = is_null(to) ? nullptr : objects_.image().find(to);
    if (!segment || !segment->heap) return;
    ++count_;
    large_ |= value(to) % kPage == kChunkHead;
  }
  bool is_worth_it() const { return large_ || count_ > kFew; }

 private:
  static constexpr std::size_t kFew = 32;
  const Objects& objects_;
  std::size_t count_ = 0;
  bool large_ = false;
};

// An object that was made larger than its type says, as cffi makes what ffi.new() owns: the rest of its
// block, where no other object lies in it. A few bytes are how allocators round, or words of a debug build.
std::uint64_t beyond_in_block(const HeapGraph& graph, std::uint32_t node, Address a, const TypeInfo& type,
                              const MemoryPart* own) {
  constexpr std::uint64_t kRounding = 64;
  if (!own || own->use() != PartUse::kObject || own->object() != a) return 0;
  if (node + 1 < graph.nodes() && graph.index->address(NodeId{node + 1}) < own->end()) return 0;
  const std::uint64_t size = graph.size[node], behind = own->end() - a,
                      known = size - std::min<std::uint64_t>(size, type.pre_header_size);
  return behind > known + kRounding ? behind - known : 0;
}

}  // namespace

std::optional<Caveat> add_native_bytes(HeapGraph& graph, const Objects& objects, const Capture& capture,
                                       const std::function<const Allocators&()>& allocators) {
  if (graph.beyond.size() == 0) graph.beyond.resize(graph.nodes());
  std::vector<char> native, capsule, says, tells;  // by type
  for (const GraphType& type : graph.types) {
    native.push_back(may_have_native_memory(*type.info) ? 1 : 0);
    capsule.push_back(type.name == "builtins.PyCapsule" ? 1 : 0);
    says.push_back(says_its_size(*type.info) ? 1 : 0);
    tells.push_back(may_have_buffers_beyond_size(*type.info) ? 1 : 0);
  }
  bool any_native = false, any_capsule = false, any_tells = false;
  for (const std::uint32_t type : graph.type) {
    any_native |= (native[type] && !capsule[type]) || says[type];
    any_capsule |= capsule[type] != 0;
    any_tells |= tells[type] != 0;
  }
  if (any_tells) add_told(graph, objects);
  if (!any_native && any_capsule) {
    CapsuleCount capsules(objects);
    std::uint32_t at = 0;
    graph.index->each_in_blocks(0, graph.index->blocks(), [&](Address a) {
      if (capsule[graph.type[at++]]) capsules.add(a);
    });
    any_native = capsules.is_worth_it();
  }
  if (!any_native) return std::nullopt;

  const Allocators& found = allocators();
  std::vector<NativeMemory> claims;
  const MemoryParts parts = partition_memory(graph, objects, found.pymalloc, found.malloc, false, &claims);
  Contradictions contradictions(graph, parts, objects.image(), capture);
  std::uint32_t node = 0;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> in_blocks;
  graph.index->each_in_blocks(0, graph.index->blocks(), [&](Address a) {
    const std::uint32_t n = node++;
    const std::uint32_t type = graph.type[n];
    if (native[type] && !says[type])
      if (const std::uint64_t more =
              beyond_in_block(graph, n, a, *graph.types[type].info, contradictions.part_of(a)))
        in_blocks.emplace_back(n, more);
    if (says[graph.type[n]]) contradictions.check(n, a, *graph.types[graph.type[n]].info);
  });
  for (const NativeMemory& claim : claims) {
    if (claim.object == kNoNode) continue;
    const std::uint32_t n = index(claim.object);
    const TypeInfo& type = *graph.types[graph.type[n]].info;
    const ExternalBytes external =
        external_of(objects, graph.index->address(claim.object), type, graph.size[n]);
    // Allocators round up, and have headers: what is no more than that is what the object has told already.
    constexpr std::uint64_t kRounding = 32;
    const std::uint64_t told = (external.in_size ? external.bytes : 0) + graph.beyond[n];
    if (claim.bytes <= told + (told ? claim.blocks * kRounding : 0)) continue;
    set_bytes(graph.beyond, n, graph.beyond[n] + claim.bytes - told);
  }
  for (const auto& [n, more] : in_blocks) set_bytes(graph.beyond, n, graph.beyond[n] + more);
  return contradictions.caveat();
}

}  // namespace heapglass
