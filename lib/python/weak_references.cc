#include "lib/python/weak_references.h"

namespace heapglass {

std::uint64_t weak_reference_count(TypeTable& types, Address object, const TypeInfo& type) {
  const Objects& o = types.objects();
  const PyLayout& l = o.layout();
  if (type.weaklistoffset == 0) return 0;
  // Negative where the type leaves the place to the interpreter: in front of the object, from 3.12 on. Those
  // of static types are in the interpreter's state then.
  Address reference =
      type.flags & kTpTypeSubclass
          ? types.type_field(object, l.PyTypeObject.tp_weaklist, l.static_type_state.tp_weaklist)
          : o.pointer(object + static_cast<std::uint64_t>(type.weaklistoffset), 0);
  constexpr std::uint64_t kMost = 10'000'000;  // a list that goes in circles
  std::uint64_t count = 0;
  while (!is_null(reference) && count < kMost &&
         o.pointer(reference, l.PyWeakReference.wr_object) == object) {
    count += o.refcount(reference) > 0;  // one that is just going away does not count
    reference = o.pointer(reference, l.PyWeakReference.wr_next);
  }
  return count;
}

}  // namespace heapglass
