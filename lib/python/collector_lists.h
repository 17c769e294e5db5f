// The objects that the cyclic collector tracks, by its own lists.
#pragma once

#include <functional>

#include "lib/python/frames.h"
#include "lib/python/types.h"

namespace heapglass {

// Calls visit for every object on the collector's lists, youngest generation first, and `frozen` ones last
// (gc.get_objects leaves those out). Where a list breaks off, the rest comes from its other end; no object
// comes twice. False where both ends do not meet: then what they reach was delivered, some of it perhaps
// twice, and the objects between them have to be found by references.
bool each_tracked(const Objects& objects, const PyInterpreter& interpreter,
                  const std::function<void(Address)>& visit, ReadErrors& health, bool frozen = true);

// Is the object on a list of the collector? (gc.is_tracked)
bool is_tracked(const Objects& objects, Address object, const TypeInfo& type);

}  // namespace heapglass
