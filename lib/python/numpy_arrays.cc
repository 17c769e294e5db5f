#include "lib/python/numpy_arrays.h"

#include <algorithm>
#include <utility>

#include "lib/python/content.h"

namespace heapglass {
namespace {

// numpy's ndarraytypes.h, on 64 bits and behind a head of two words: PyArrayObject_fields since 1.7.
constexpr std::int32_t kHead = 16, kData = 16, kDimensionCount = 24, kDimensions = 32, kDescr = 56,
                       kFlags = 64;
constexpr std::int32_t kOwnsData = 4;  // NPY_ARRAY_OWNDATA
constexpr std::int32_t kMostDimensions = 64;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;

// PyArray_Descr.
constexpr std::int32_t kKind = 24, kTypeNumber = 28;
constexpr std::int32_t kObject = 17, kVoid = 20;  // NPY_OBJECT, NPY_VOID
constexpr std::int64_t kLeastDescr2 = 112;        // bytes: 96 before 2.0, then 120
constexpr std::int64_t kMostItemBytes = std::int64_t{1} << 40;

}  // namespace

// From 2.0 on it has 64 bits of flags before the size of an item.
struct NumpyArrays::DescrFields {
  std::int32_t item_size, subarray, fields;
  bool long_item_size;
};
const NumpyArrays::DescrFields& NumpyArrays::descr_1() {
  static constexpr DescrFields kFields{32, 40, 48, false};
  return kFields;
}
const NumpyArrays::DescrFields& NumpyArrays::descr_2() {
  static constexpr DescrFields kFields{40, 88, 96, true};
  return kFields;
}

NumpyArrays::NumpyArrays(const Objects& objects)
    : o_(objects), shift_(objects.layout().PyObject.size - kHead) {}

const NumpyArrays::DescrFields& NumpyArrays::layout_of(Address descr) const {
  const auto size = o_.load<std::int64_t>(o_.type_of(descr), o_.layout().PyTypeObject.tp_basicsize);
  return size.value_or(0) - shift_ >= kLeastDescr2 ? descr_2() : descr_1();
}

std::uint64_t NumpyArrays::item_size(Address descr) const {
  const DescrFields& l = layout_of(descr);
  const auto size = l.long_item_size ? field<std::int64_t>(descr, l.item_size)
                                     : std::optional<std::int64_t>(field<std::int32_t>(descr, l.item_size));
  return size && *size > 0 && *size < kMostItemBytes ? static_cast<std::uint64_t>(*size) : 0;
}

std::optional<NumpyArrays::Owned> NumpyArrays::owned(Address array) const {
  const auto flags = field<std::int32_t>(array, kFlags);
  const auto dimensions = field<std::int32_t>(array, kDimensionCount);
  Owned out{.data = pointer(array, kData), .descr = pointer(array, kDescr)};
  if (!flags || !(*flags & kOwnsData) || is_null(out.descr) || is_null(out.data)) return std::nullopt;
  out.item_size = item_size(out.descr);
  if (out.item_size == 0 || !dimensions || *dimensions < 0 || *dimensions > kMostDimensions)
    return std::nullopt;
  out.dimensions = *dimensions;
  out.items = 1;
  const Address lengths = pointer(array, kDimensions);
  for (std::int32_t i = 0; i < *dimensions; ++i) {
    const auto length = o_.load<std::int64_t>(lengths, 8 * i);
    if (!length || *length <= 0 ||
        out.items > kMostBytes / out.item_size / static_cast<std::uint64_t>(*length))
      return std::nullopt;
    out.items *= static_cast<std::uint64_t>(*length);
  }
  return out;
}

// Descriptors are the target's: they may be in a circle, or tell of more fields than an item has room for.
std::vector<std::uint64_t> NumpyArrays::reference_offsets(Address descr, std::uint64_t in_item) const {
  constexpr std::size_t kMostOffsets = 4096, kMostSteps = 100'000;
  std::vector<std::uint64_t> out;
  if (in_item < 8) return out;
  std::vector<std::pair<Address, std::uint64_t>> open{{descr, 0}};
  for (std::size_t steps = 0; !open.empty() && steps < kMostSteps && out.size() < kMostOffsets; ++steps) {
    const auto [at, offset] = open.back();
    open.pop_back();
    const auto number = field<std::int32_t>(at, kTypeNumber);
    if (number == kObject && field<char>(at, kKind) == 'O') out.push_back(offset);
    if (number != kVoid) continue;
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
      if (start && *start >= 0 && *start < kMostItemBytes)
        open.emplace_back(o_.pointer(field, items), offset + static_cast<std::uint64_t>(*start));
      return open.size() < kMostSteps;
    });
  }
  std::erase_if(out, [&](std::uint64_t offset) { return offset > in_item - 8; });
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace heapglass
