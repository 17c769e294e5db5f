// Objects that no reference leads to, known by the blocks of the allocators that they fill: C code has them,
// or has lost them.
#pragma once

#include <vector>

#include "lib/heap/address_index.h"
#include "lib/python/pymalloc.h"
#include "lib/python/types.h"
#include "lib/target/malloc_heap.h"

namespace heapglass {

// What the allocators of a process have handed out, block by block.
struct Allocators {
  Pymalloc pymalloc;
  MallocHeap malloc;
};

// A count that an object may have: what was freed has none, or the address of the next free block in its
// place.
bool has_plausible_refcount(const Objects& objects, Address object);

// In order of address. A block is taken for an object only where nothing that is `marked` lies in it, the
// word where an object has its type is a marked type, the count is plausible, the collector does not have it
// on a list, and what the type says of the object's size is what the block is for. `unrecorded` reads without
// a note for a snapshot: most blocks are nothing.
std::vector<Address> find_unreached_objects(const AddressIndex& marked, TypeTable& types,
                                            const Objects& unrecorded, const Allocators& allocators);

}  // namespace heapglass
