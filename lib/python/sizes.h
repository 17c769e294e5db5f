// sys.getsizeof of an object, computed as its __sizeof__ would.
#pragma once

#include "lib/python/types.h"

namespace heapglass {

struct ObjectSize {
  std::uint64_t bytes = 0;
  bool unsure = false;  // the type has a __sizeof__ that we do not know, or a field could not be read
  // A count that cannot be true, or more bytes than all of the heap: then `bytes` is the type's own size.
  bool impossible = false;
  // An object of its own of which `bytes` has `included` bytes: the bytes object that an io.BytesIO, a
  // pickle.Pickler or, from 3.15 on, a bytearray writes to.
  Address includes{};
  std::uint64_t included = 0;
};

// Collector head and other pre-header words included, as sys.getsizeof includes them.
ObjectSize size_of(const Objects& objects, Address object, const TypeInfo& type);

// Bytes of the array in which an instance of a class has its attributes since 3.11, which sys.getsizeof does
// not count: apart from the object to 3.12, behind it from 3.13 on. 0 where they are in a dict.
std::uint64_t attribute_values_bytes(const Objects& objects, Address object, const TypeInfo& type);

// Memory of an object in buffers of its own, apart from the block that the object itself is in: a list's
// items, a dict's tables, a deque's blocks, the data of a bytearray, array, mmap or numpy array.
struct ExternalBytes {
  std::uint64_t bytes = 0;
  bool in_size = true;  // false: sys.getsizeof says nothing of them
};

// False where external_of has nothing to tell of any instance, without a look at them.
inline bool may_have_buffers_beyond_size(const TypeInfo& type) { return type.buffer != BufferRule::kNone; }
inline bool may_have_buffers(const TypeInfo& type) {
  if (may_have_buffers_beyond_size(type)) return true;
  switch (type.size_rule) {
    // All in one block, whatever tp_basicsize says; the buffer of a BytesIO is an object.
    case SizeRule::kInt:
    case SizeRule::kCode:
    case SizeRule::kFrame:
    case SizeRule::kGenerator:
    case SizeRule::kBytesIO:
      return false;
    case SizeRule::kObject:
      return type.size_unsure;
    default:
      return true;
  }
}

// `size` is the object's sys.getsizeof, known from wherever: what it counts beyond the object's own block is
// external.
ExternalBytes external_of(const Objects& objects, Address object, const TypeInfo& type, std::uint64_t size);

}  // namespace heapglass
