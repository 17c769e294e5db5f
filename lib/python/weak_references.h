// The weak references to an object.
#pragma once

#include "lib/python/types.h"

namespace heapglass {

// weakref.getweakrefcount(object): those that live, proxies among them. 0 for types that know none.
std::uint64_t weak_reference_count(TypeTable& types, Address object, const TypeInfo& type);

}  // namespace heapglass
