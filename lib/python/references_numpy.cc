// What numpy's arrays refer to. They have no tp_traverse: no collector knows what stands in an array of
// objects, and every column of text of a data frame is one.
#include "lib/python/numpy_arrays.h"
#include "lib/python/references.h"
#include "lib/python/words.h"

namespace heapglass {

void References::numpy_array(Address object, EdgeSink& sink) const {
  const NumpyArrays numpy(objects_);
  // A view's items are those of its base, which has counted them.
  const auto array = numpy.owned(object);
  if (!array) return;
  const std::vector<std::uint64_t> offsets = numpy.reference_offsets(array->descr, array->item_size);
  if (offsets.empty()) return;
  const std::byte* const bytes = objects_.image().at(array->data, array->items * array->item_size);
  if (!bytes) return health_.skip(Skip::kUnreadable, object);
  // Of several dimensions an item's place in memory is no index.
  static const FieldName kSomewhere{"flat[...]"};
  const bool has_index = array->dimensions == 1;
  for (std::uint64_t i = 0; i < array->items && !sink.full(); ++i)
    for (const std::uint64_t offset : offsets)
      sink.add(Address{word_at(bytes + i * array->item_size + offset, 0)},
               has_index ? EdgeKind::kIndex : EdgeKind::kField,
               has_index ? i : reinterpret_cast<std::uint64_t>(&kSomewhere), EdgeClass::kOwned);
}

}  // namespace heapglass
