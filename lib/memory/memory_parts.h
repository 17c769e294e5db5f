// The memory that allocators hand out, part by part, and whose each part is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lib/base/large_array.h"
#include "lib/base/limits.h"
#include "lib/heap/heap_graph.h"
#include "lib/python/pymalloc.h"
#include "lib/target/malloc_heap.h"

namespace heapglass {

enum class PartUse : std::uint8_t {
  kObject,        // of a type of the graph
  kBuffer,        // an object of that type points to it, and nothing else is known to be there
  kPymallocUsed,  // handed out, to nobody that is known
  kMallocUsed,
  kMappedChunk,  // the same, malloc's chunks with a mapping of their own
  kPymallocFree,
  kPymallocFreePool,
  kPymallocOverhead,
  kMallocFree,  // of the arena with the index `owner`
  kMallocCached,
  kMallocTop,
  kMallocOverhead,
  kUncertain,
};

// There may be a hundred million: two words each.
class MemoryPart {
 public:
  // Everything that an allocator hands out is; what is not has been told by damaged memory.
  static bool can_be(Address start, std::uint64_t size) {
    return !((value(start) | size) & 7) && size && value(start) < std::uint64_t{1} << 47 && size >> 43 == 0;
  }
  MemoryPart(Address start, std::uint64_t size, PartUse use, std::uint32_t owner = 0)
      : start_(value(start)),
        use_(static_cast<std::uint64_t>(use)),
        object_at_(0),
        words_(size / 8),
        owner_(owner) {}

  Address start() const { return Address{start_}; }
  Address end() const { return Address{start_ + size()}; }
  std::uint64_t size() const { return std::uint64_t{words_} * 8; }
  PartUse use() const { return static_cast<PartUse>(use_); }
  std::uint32_t owner() const { return static_cast<std::uint32_t>(owner_); }  // a type, or an arena of malloc
  // Of kObject: where the first one begins. Null for one so far into its part that nobody knows a case; what
  // it points to stays without an owner.
  Address object() const {
    return object_at_ == kFar ? Address{} : Address{start_ + std::uint64_t{object_at_} * 8};
  }

  void has_object(Address object, std::uint32_t type) {
    use_ = static_cast<std::uint64_t>(PartUse::kObject);
    object_at_ = std::min<std::uint64_t>((value(object) - start_) / 8, kFar);
    owner_ = type;
  }
  void is_buffer_of(std::uint32_t type) {
    use_ = static_cast<std::uint64_t>(PartUse::kBuffer);
    owner_ = type;
  }

 private:
  static constexpr std::uint64_t kFar = (1 << 12) - 1;
  std::uint64_t start_ : 47, use_ : 5, object_at_ : 12;  // in words
  std::uint64_t words_ : 40, owner_ : 24;
};
static_assert(sizeof(MemoryPart) == 16 && Limits{}.types < 1 << 24);

struct MemoryParts {
  LargeVector<MemoryPart> parts;       // in order of address, not overlapping
  std::vector<std::uint64_t> objects;  // by type of the graph: how many lie in parts
  // By part, where they were asked for: of a buffer the part of the object that has it, and whether it is a
  // chunk of malloc's with a mapping of its own.
  LargeVector<std::uint32_t> holder;
  std::vector<bool> mapped;
  // The object that a part is, or whose buffer it is; kNoNode: none, or not asked.
  NodeId node_of(const HeapGraph& graph, std::size_t part) const {
    const bool buffer = parts[part].use() == PartUse::kBuffer;
    if (buffer && holder.empty()) return kNoNode;
    const MemoryPart& p = buffer ? parts[holder[part]] : parts[part];
    return p.use() != PartUse::kObject || is_null(p.object()) ? kNoNode : graph.index->find(p.object());
  }
  // Objects in memory that no known allocator has handed out, ascending: static ones, for instance.
  std::vector<NodeId> elsewhere;
};

// May the objects of a type have memory of C code that no size rule knows? Those of extensions, and of the
// modules of the standard library that are made around a C library.
bool may_have_native_memory(const TypeInfo& type);

// What an object of such a type has.
struct NativeMemory {
  NodeId object{};
  std::uint64_t bytes = 0, blocks = 0;
};

// Objects lie in the parts around them. What an object's own fields point to and is no object is its buffer,
// and so is what small buffers point to in turn: lists' items, dicts' tables, numpy's data, the C structures
// of an extension type. Of several that point to the same the one with the lowest address has it, but those
// whose sizes are known go before those that may have native memory, and of these an object that another one
// refers to goes before that: lxml's document before its elements.
// `with_holders`: the fields of that name are filled. `native`: takes what each such object has.
MemoryParts partition_memory(const HeapGraph& graph, const Objects& objects, const Pymalloc& pymalloc,
                             const MallocHeap& malloc, bool with_holders = false,
                             std::vector<NativeMemory>* native = nullptr);

}  // namespace heapglass
