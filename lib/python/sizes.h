// sys.getsizeof of an object, computed as its __sizeof__ would.
#pragma once

#include "lib/python/types.h"

namespace heapglass {

struct ObjectSize {
  std::uint64_t bytes = 0;
  bool unsure = false;  // the type has a __sizeof__ that we do not know, or a field could not be read
};

// Collector head and other pre-header words included, as sys.getsizeof includes them.
ObjectSize size_of(const Objects& objects, Address object, const TypeInfo& type);

}  // namespace heapglass
