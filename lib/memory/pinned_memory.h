// Free memory that stays with an allocator because something that lives lies beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/memory/memory_parts.h"

namespace heapglass {

struct PinnedRow {
  std::string allocator;     // "pymalloc", "malloc"
  std::string type;          // of the objects, or of those whose buffers they are; "C code": of none
  std::string owner;         // whose they are; empty: not asked, or not known
  std::uint64_t blocks = 0;  // that live
  std::uint64_t bytes = 0;   // of them
  std::uint64_t free = 0;    // what they pin: the free memory beside them, shared evenly among neighbours
};

// What one object and its buffers pin.
struct PinningObject {
  NodeId node{};
  bool of_pymalloc = false;
  std::uint64_t blocks = 0, bytes = 0, free = 0;  // as above
};

// `rows`, which have no owners, with those of the objects. What no object of `objects` has stays as it is.
std::vector<PinnedRow> with_owners(const HeapGraph& graph, const std::vector<PinnedRow>& rows,
                                   const std::vector<PinningObject>& objects,
                                   const std::function<std::string(NodeId)>& owner_of);

// pymalloc gives back an arena when nothing lives in it, malloc_trim(0) a page. Looked at are those of which
// half or more is free.
class PinnedMemory {
 public:
  // All borrowed. The owner of what has its holder's node; may be empty.
  PinnedMemory(const HeapGraph& graph, const MemoryParts& parts, const Pymalloc& pymalloc,
               std::function<std::string(NodeId)> owner_of)
      : graph_(graph), parts_(parts), pymalloc_(pymalloc), owner_of_(std::move(owner_of)) {}

  // The resident pieces of the parts, in order of address.
  void add(std::size_t part, Address from, std::uint64_t bytes);
  // Those that pin most first. Owners take long to find: they are told where `with_owners`.
  std::vector<PinnedRow> rows(bool with_owners);
  // The objects that pin most, no more than `most`, in order; after rows().
  std::vector<PinningObject> objects(std::size_t most) const;

 private:
  struct Unit {
    Address start{};
    bool of_pymalloc = false;
    std::uint64_t free = 0, live = 0;
    std::vector<std::pair<std::size_t, std::uint64_t>> pins;  // part, and its bytes here
  };
  struct Pin {
    std::size_t part = 0;
    std::uint64_t bytes = 0, free = 0;
    bool of_pymalloc = false;
  };

  void add_to(Address unit, bool of_pymalloc, std::size_t part, std::uint64_t bytes);
  void close();

  const HeapGraph& graph_;
  const MemoryParts& parts_;
  const Pymalloc& pymalloc_;
  const std::function<std::string(NodeId)> owner_of_;
  Unit unit_;
  std::size_t arena_ = 0;
  std::vector<Pin> pins_;
};

}  // namespace heapglass
