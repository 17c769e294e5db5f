#include "lib/heap/unreached_objects.h"

#include <algorithm>
#include <optional>

#include "lib/base/parallel.h"
#include "lib/python/collector_lists.h"
#include "lib/python/sizes.h"

namespace heapglass {
namespace {

// A block that somebody has: what the allocator has room for in it, and what a request is rounded to.
struct Block {
  Address start{};
  std::uint64_t size = 0;
  std::uint64_t grain = 16;
};

// The block that was asked for, where the hooks of debug builds and PYTHONMALLOC=debug have added to it: they
// put its size, the lowest byte last, in front, and fill what is left of 16 bytes with a forbidden byte.
Block asked_for(const Objects& o, const Block& block) {
  constexpr std::uint64_t kFront = 16, kBehind = 8;
  const std::byte* const front = block.size > kFront + kBehind ? o.image().at(block.start, kFront) : nullptr;
  if (!front || (front[9] != std::byte{0xfd} && front[9] != std::byte{0xfb})) return block;
  if (!std::all_of(front + 9, front + kFront, [&](std::byte b) { return b == front[9]; })) return block;
  std::uint64_t size = 0;
  for (int i = 0; i < 8; ++i) size = size << 8 | static_cast<std::uint64_t>(front[i]);
  if (size > block.size - kFront - kBehind) return block;
  return {block.start + kFront, size, 1};
}

// Of a str that is ready: its form, and the zero behind its characters.
bool is_sound_str(const Objects& o, Address a) {
  const auto& l = o.layout();
  const auto state = o.load<std::uint32_t>(a, l.PyASCIIObject.state);
  const auto length = o.load<std::int64_t>(a, l.PyASCIIObject.length);
  if (!state || !length || *length < 0 || *length > std::int64_t{1} << 40) return false;
  const std::uint64_t kind = *state >> 2 & 7;
  const bool compact = *state >> 5 & 1, ascii = *state >> 6 & 1;
  if ((kind != 1 && kind != 2 && kind != 4) || (ascii && kind != 1)) return false;
  if (!compact) return true;
  const std::uint64_t head =
      static_cast<std::uint64_t>(ascii ? l.PyASCIIObject.size : l.PyCompactUnicodeObject.size);
  const std::byte* const end = o.image().at(a + head + static_cast<std::uint64_t>(*length) * kind, kind);
  return end && std::all_of(end, end + kind, [](std::byte b) { return b == std::byte{0}; });
}

bool is_sound_bytes(const Objects& o, Address a) {
  const std::uint64_t size = o.item_count(a);
  if (size > std::uint64_t{1} << 40) return false;
  const std::byte* const end =
      o.image().at(a + static_cast<std::uint64_t>(o.layout().PyBytesObject.ob_sval) + size, 1);
  return end && *end == std::byte{0};
}

class Judge {
 public:
  Judge(const AddressIndex& marked, TypeTable& types, const Objects& o)
      : marked_(marked), cache_(types), o_(o) {}

  std::optional<Address> object_in(const Block& whole) {
    if (has_marked(whole)) return std::nullopt;
    // The object allocator takes large blocks from the raw one, which has its hooks too.
    const Block block = asked_for(o_, asked_for(o_, whole));
    // What may stand in front: nothing, the collector's head, and a managed dict's pointers.
    for (const std::uint64_t front : {0, 16, 32}) {
      if (front + 16 > block.size) break;
      const Address a = block.start + front;
      const TypeInfo* const type = type_at(a);
      if (type && type->pre_header_size == front && is_object(a, *type, block)) return a;
    }
    return std::nullopt;
  }

 private:
  bool has_marked(const Block& block) const {
    constexpr std::uint64_t kFar = 96;  // an object in a block begins nearer to its start
    const auto first = marked_.bit_of(block.start);
    if (!first) return true;
    for (std::uint64_t i = 0; i < std::min(block.size, kFar) / 8; ++i)
      if (marked_.test(*first + i)) return true;
    return false;
  }
  // A type that was found without this.
  const TypeInfo* type_at(Address a) {
    const Address type = o_.type_of(a);
    const auto bit = marked_.bit_of(type);
    if (!bit || !marked_.test(*bit) || !(o_.type_flags(o_.type_of(type)) & kTpTypeSubclass)) return nullptr;
    const TypeInfo* const info = cache_.get(type);
    return info && !(info->flags & kTpTypeSubclass) ? info : nullptr;
  }
  bool is_object(Address a, const TypeInfo& type, const Block& block) const {
    if (!has_plausible_refcount(o_, a) || is_immortal(a)) return false;
    if (type.has_gc && is_tracked(o_, a, type)) return false;
    const std::uint64_t room = block.size - type.pre_header_size;
    // A compact str is smaller than its type's basicsize, which is that of one whose characters lie apart.
    const bool may_be_smaller = type.itemsize != 0 || type.size_rule == SizeRule::kStr;
    if (static_cast<std::uint64_t>(type.basicsize) > room && !may_be_smaller) return false;
    const ObjectSize size = size_of(o_, a, type);
    if (size.impossible || (size.unsure && !type.size_unsure)) return false;
    const ExternalBytes external = external_of(o_, a, type, size.bytes);
    const std::uint64_t own = size.bytes - std::min(size.bytes, external.in_size ? external.bytes : 0);
    if (!fits(own, block)) return false;
    if (type.flags & kTpUnicodeSubclass) return is_sound_str(o_, a);
    if (type.flags & kTpBytesSubclass) return is_sound_bytes(o_, a);
    return true;
  }
  bool is_immortal(Address a) const { return o_.is_immortal(o_.refcount(a)); }
  // The block that such a request gets, or one that was made smaller where it is: realloc keeps a block of
  // which a quarter is left over.
  static bool fits(std::uint64_t own, const Block& block) {
    return own <= block.size && (block.size - own < block.grain || own * 4 > block.size * 3);
  }

  const AddressIndex& marked_;
  TypeCache cache_;
  const Objects& o_;
};

}  // namespace

bool has_plausible_refcount(const Objects& o, Address object) {
  constexpr std::uint64_t kMostReferences = std::uint64_t{1} << 31;
  const auto word = o.load<std::uint64_t>(object, o.layout().PyObject.ob_refcnt).value_or(0);
  const bool flags_above = o.python().rules.refcount_is_32_bit;
  if (flags_above && word >> 32 & 0xffff) return false;
  const std::uint64_t count = flags_above ? word & 0xffffffff : word;
  const bool immortal = o.python().rules.immortal_objects && count >> 31 == 1;
  return count != 0 && (count <= kMostReferences || immortal);
}

std::vector<Address> find_unreached_objects(const AddressIndex& marked, TypeTable& types,
                                            const Objects& unrecorded, const Allocators& allocators) {
  const Pymalloc& pymalloc = allocators.pymalloc;
  std::vector<std::vector<Address>> by_worker(worker_count());
  parallel_for(pymalloc.arenas.size(), [&](std::size_t i, unsigned worker) {
    Judge judge(marked, types, unrecorded);
    each_part(unrecorded, pymalloc, pymalloc.arenas[i],
              [&](Address start, std::uint64_t size, std::uint64_t count, PymallocPart part) {
                if (part != PymallocPart::kUsed) return;
                for (std::uint64_t b = 0; b < count; ++b)
                  if (const auto object = judge.object_in({start + b * size, size}))
                    by_worker[worker].push_back(*object);
              });
  });
  constexpr std::size_t kChunks = 1 << 14;
  const MallocHeap& malloc = allocators.malloc;
  for (const MallocArena& arena : malloc.arenas) {
    if (!arena.sure) continue;
    parallel_for((arena.chunks.size() + kChunks - 1) / kChunks, [&](std::size_t piece, unsigned worker) {
      Judge judge(marked, types, unrecorded);
      const std::size_t end = std::min((piece + 1) * kChunks, arena.chunks.size());
      for (std::size_t i = piece * kChunks; i < end; ++i) {
        const MallocChunk& chunk = arena.chunks[i];
        if (chunk.state != ChunkState::kUsed || chunk.size < 2 * malloc.header) continue;
        const std::uint64_t size = chunk.size - malloc.header + malloc.behind;
        if (const auto object = judge.object_in({chunk.start + malloc.header, size, malloc.grain}))
          by_worker[worker].push_back(*object);
      }
    });
  }
  Judge judge(marked, types, unrecorded);
  for (const MallocChunk& chunk : malloc.mapped)
    if (const auto object = judge.object_in({chunk.start + malloc.header, chunk.size - malloc.header, 4096}))
      by_worker[0].push_back(*object);
  std::vector<Address> found;
  for (const std::vector<Address>& of_worker : by_worker)
    found.insert(found.end(), of_worker.begin(), of_worker.end());
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace heapglass
