// What numpy's arrays refer to. They have no tp_traverse: no collector knows what stands in an array of
// objects, and every column of text of a data frame is one.
#include <algorithm>
#include <optional>
#include <vector>

#include "lib/python/content.h"
#include "lib/python/references.h"
#include "lib/python/words.h"

namespace heapglass {
namespace {

// numpy's ndarraytypes.h, on 64 bits and behind a head of two words: PyArrayObject_fields since 1.7, and
// PyArray_Descr, which from 2.0 on has 64 bits of flags before the size of an item.
struct ArrayFields {
  static constexpr std::int32_t kHead = 16, kData = 16, kDimensionCount = 24, kDimensions = 32, kDescr = 56,
                                kFlags = 64;
  static constexpr std::int32_t kOwnsData = 4;  // NPY_ARRAY_OWNDATA
  static constexpr std::int32_t kMostDimensions = 64;
};
struct DescrFields {
  static constexpr std::int32_t kKind = 24, kTypeNumber = 28;
  static constexpr std::int32_t kObject = 17, kVoid = 20;  // NPY_OBJECT, NPY_VOID
  std::int32_t item_size, subarray, fields;
  bool long_item_size;
};
constexpr DescrFields kDescr1{32, 40, 48, false}, kDescr2{40, 88, 96, true};
constexpr std::int64_t kLeastDescr2 = 112;  // bytes of a PyArray_Descr: 96 before 2.0, then 120

class ItemReferences {
 public:
  explicit ItemReferences(const Objects& objects)
      : o_(objects), shift_(objects.layout().PyObject.size - ArrayFields::kHead) {}

  template <class T>
  std::optional<T> field(Address object, std::int32_t offset) const {
    return o_.load<T>(object, offset + shift_);
  }
  Address pointer(Address object, std::int32_t offset) const { return o_.pointer(object, offset + shift_); }

  std::uint64_t item_size(Address descr) const {
    const DescrFields& l = layout_of(descr);
    const auto size = l.long_item_size ? field<std::int64_t>(descr, l.item_size)
                                       : std::optional<std::int64_t>(field<std::int32_t>(descr, l.item_size));
    return size && *size > 0 && *size < std::int64_t{1} << 40 ? static_cast<std::uint64_t>(*size) : 0;
  }

  // How far from the start of an item of this descriptor its references are, ascending. Descriptors are the
  // target's: they may be in a circle, or tell of more fields than an item has room for.
  std::vector<std::uint64_t> offsets(Address descr) const {
    constexpr std::size_t kMostOffsets = 4096, kMostSteps = 100'000;
    std::vector<std::uint64_t> out;
    std::vector<std::pair<Address, std::uint64_t>> open{{descr, 0}};
    for (std::size_t steps = 0; !open.empty() && steps < kMostSteps && out.size() < kMostOffsets; ++steps) {
      const auto [at, offset] = open.back();
      open.pop_back();
      const auto number = field<std::int32_t>(at, DescrFields::kTypeNumber);
      if (number == DescrFields::kObject && field<char>(at, DescrFields::kKind) == 'O') out.push_back(offset);
      if (number != DescrFields::kVoid) continue;
      const DescrFields& l = layout_of(at);
      if (const Address subarray = pointer(at, l.subarray); !is_null(subarray)) {
        // {PyArray_Descr* base; PyObject* shape;}, which is no object
        const Address base = o_.pointer(subarray, 0);
        const std::uint64_t each = is_null(base) ? 0 : item_size(base), all = item_size(at);
        for (std::uint64_t i = 0; each && i < std::min<std::uint64_t>(all / each, kMostOffsets); ++i)
          open.emplace_back(base, offset + i * each);
        continue;
      }
      const Address fields = pointer(at, l.fields);
      if (is_null(fields) || !(o_.flags_of(fields) & kTpDictSubclass)) continue;
      // name: (descriptor, offset), or with a title as third, under which it stands again
      o_.each_item(fields, [&](Address, Address field) {
        if (!(o_.flags_of(field) & kTpTupleSubclass) || o_.ob_size(field) < 2) return true;
        const std::int32_t items = o_.layout().PyTupleObject.ob_item;
        const auto start = small_int(o_, o_.pointer(field, items + 8));
        if (start && *start >= 0 && *start < std::int64_t{1} << 40)
          open.emplace_back(o_.pointer(field, items), offset + static_cast<std::uint64_t>(*start));
        return open.size() < kMostSteps;
      });
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

 private:
  const DescrFields& layout_of(Address descr) const {
    const auto size = o_.load<std::int64_t>(o_.type_of(descr), o_.layout().PyTypeObject.tp_basicsize);
    return size.value_or(0) - shift_ >= kLeastDescr2 ? kDescr2 : kDescr1;
  }

  const Objects& o_;
  const std::int32_t shift_;  // what the head of an object has more, in builds for debugging
};

}  // namespace

void References::numpy_array(Address object, EdgeSink& sink) const {
  using Fields = ArrayFields;
  const ItemReferences numpy(objects_);
  const auto flags = numpy.field<std::int32_t>(object, Fields::kFlags);
  // A view's items are those of its base, which has counted them.
  if (!flags || !(*flags & Fields::kOwnsData)) return;
  const Address descr = numpy.pointer(object, Fields::kDescr), data = numpy.pointer(object, Fields::kData);
  if (is_null(descr) || is_null(data)) return;
  const std::uint64_t item = numpy.item_size(descr);
  std::vector<std::uint64_t> offsets = item >= 8 ? numpy.offsets(descr) : std::vector<std::uint64_t>();
  std::erase_if(offsets, [&](std::uint64_t offset) { return offset > item - 8; });
  if (offsets.empty()) return;
  const auto dimensions = numpy.field<std::int32_t>(object, Fields::kDimensionCount);
  const Address lengths = numpy.pointer(object, Fields::kDimensions);
  if (!dimensions || *dimensions < 0 || *dimensions > Fields::kMostDimensions)
    return health_.skip(Skip::kImplausibleSize, object);
  std::uint64_t items = 1;
  for (std::int32_t i = 0; i < *dimensions; ++i) {
    const auto length = objects_.load<std::int64_t>(lengths, 8 * i);
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;
    if (!length || *length < 0 ||
        (*length > 0 && items > kMostBytes / item / static_cast<std::uint64_t>(*length)))
      return health_.skip(Skip::kImplausibleSize, object);
    items *= static_cast<std::uint64_t>(*length);
  }
  if (items == 0) return;
  const std::byte* const bytes = objects_.image().at(data, items * item);
  if (!bytes) return health_.skip(Skip::kUnreadable, object);
  // Of several dimensions an item's place in memory is no index.
  static const FieldName kSomewhere{"flat[...]"};
  const bool has_index = *dimensions == 1;
  for (std::uint64_t i = 0; i < items && !sink.full(); ++i)
    for (const std::uint64_t offset : offsets)
      sink.add(Address{word_at(bytes + i * item + offset, 0)},
               has_index ? EdgeKind::kIndex : EdgeKind::kField,
               has_index ? i : reinterpret_cast<std::uint64_t>(&kSomewhere), EdgeClass::kOwned);
}

}  // namespace heapglass
