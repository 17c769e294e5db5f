#include "lib/python/sizes.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "lib/python/numpy_arrays.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kMost = std::uint64_t{1} << 46;  // no object is larger than user space

class Sizer {
 public:
  Sizer(const Objects& objects, Address object, const TypeInfo& type)
      : o_(objects), l_(objects.layout()), at_(object), type_(type) {}

  // Without the pre-header.
  std::uint64_t bytes() {
    switch (type_.size_rule) {
      case SizeRule::kObject:
        return basic() + items();
      case SizeRule::kType:
        return type_object();
      case SizeRule::kList:
        return list();
      case SizeRule::kDict:
        return dict();
      case SizeRule::kSet:
        return set();
      case SizeRule::kStr:
        return str();
      case SizeRule::kByteArray:
        return byte_array();
      case SizeRule::kInt:
        return integer();
      case SizeRule::kCode:
        return code();
      case SizeRule::kFrame:
        return frame();
      case SizeRule::kGenerator:
        return generator();
      case SizeRule::kDeque:
        return deque();
      case SizeRule::kOrderedDict:
        return ordered_dict();
      case SizeRule::kArray:
        return array();
      case SizeRule::kBytesIO:
        return bytes_io();
      case SizeRule::kBuffered:
        return buffered();
      case SizeRule::kPickler:
        return pickler();
      case SizeRule::kUnpickler:
        return unpickler();
      case SizeRule::kStruct:
        return struct_codes();
      case SizeRule::kElement:
        return element();
      case SizeRule::kDecimal:
        return decimal();
      case SizeRule::kIndices:
        return basic() + 8 * count(l_.combinationsobject.r);
      case SizeRule::kPermutations:
        return basic() + 8 * count(l_.permutationsobject.r) + 8 * length_of(l_.permutationsobject.pool);
      case SizeRule::kProduct:
        return basic() + 8 * length_of(l_.productobject.pools);
      case SizeRule::kSimpleQueue:
        return basic() + 8 * count(l_.simplequeueobject.items_cap);
      case SizeRule::kStgDict:
        return dict() + static_cast<std::uint64_t>(l_.StgDictObject.size - l_.PyDictObject.size) +
               ctypes_parts(at_, l_.StgDictObject);
      case SizeRule::kCTypesType:
        return ctypes_type();
    }
    unsure_ = true;
    return basic();
  }
  bool unsure() const { return unsure_; }
  bool impossible() const { return impossible_; }
  Address includes() const { return includes_; }
  std::uint64_t included() const { return included_; }

 private:
  template <class T>
  T get(Address base, std::int32_t offset) {
    const auto v = o_.load<T>(base, offset);
    if (!v) unsure_ = true;
    return v.value_or(0);
  }
  std::uint64_t checked(std::int64_t n) {
    if (n < 0 || static_cast<std::uint64_t>(n) > kMost) {
      unsure_ = impossible_ = true;
      return 0;
    }
    return static_cast<std::uint64_t>(n);
  }
  std::int64_t item_count() const { return static_cast<std::int64_t>(o_.item_count(at_)); }  // < 0: 2^63
  std::uint64_t count(std::int32_t offset) { return checked(get<std::int64_t>(at_, offset)); }
  std::uint64_t basic() const { return static_cast<std::uint64_t>(type_.basicsize); }
  std::uint64_t items() {
    if (type_.itemsize <= 0) return 0;
    return checked(item_count()) * static_cast<std::uint64_t>(type_.itemsize);
  }

  std::uint64_t type_object() {
    if (!(o_.type_flags(at_) & kTpHeapType)) return static_cast<std::uint64_t>(l_.PyTypeObject.size);
    std::uint64_t size = static_cast<std::uint64_t>(l_.PyHeapTypeObject.size);
    const Address keys = o_.pointer(at_, l_.PyHeapTypeObject.ht_cached_keys);
    if (!is_null(keys)) size += table(keys, false);
    return size;
  }
  std::uint64_t list() {
    const std::int64_t allocated = get<std::int64_t>(at_, l_.PyListObject.allocated);
    // -1 while list.sort runs: then __sizeof__ says eight bytes less than the bare list.
    return allocated == -1 ? basic() - 8 : basic() + 8 * checked(allocated);
  }
  // Bytes of a keys table; `shared_free`: nothing where others share it.
  std::uint64_t table(Address keys, bool shared_free) {
    const auto k = o_.keys(keys);
    if (!k) {
      unsure_ = true;
      return 0;
    }
    return shared_free && k->refcnt != 1 ? 0 : k->bytes;
  }
  std::uint64_t dict() {
    const Address keys = o_.pointer(at_, l_.PyDictObject.ma_keys);
    std::uint64_t size = basic() + table(keys, true);
    if (!is_null(o_.pointer(at_, l_.PyDictObject.ma_values))) {
      const auto k = o_.keys(keys);
      if (k) size += 8 * k->usable_and_used;
    }
    return size;
  }
  std::uint64_t set() {
    const std::uint64_t entries = count(l_.PySetObject.mask) + 1;
    const bool small =
        o_.pointer(at_, l_.PySetObject.table) == at_ + static_cast<std::uint64_t>(l_.PySetObject.smalltable);
    return basic() + (small ? 0 : entries * static_cast<std::uint64_t>(l_.setentry.size));
  }
  std::uint64_t str() {
    const auto& ascii = l_.PyASCIIObject;
    const auto& compact = l_.PyCompactUnicodeObject;
    const std::uint64_t n = count(ascii.length);
    const std::uint32_t state = get<std::uint32_t>(at_, ascii.state);
    const std::uint64_t kind = state >> 2 & 7;
    const bool is_compact = state >> 5 & 1, is_ascii = state >> 6 & 1;
    std::uint64_t size, data;
    if (is_compact && is_ascii) {
      size = static_cast<std::uint64_t>(ascii.size) + n + 1;
      data = value(at_) + static_cast<std::uint64_t>(ascii.size);
    } else if (is_compact) {
      size = static_cast<std::uint64_t>(compact.size) + (n + 1) * kind;
      data = value(at_) + static_cast<std::uint64_t>(compact.size);
    } else {
      size = static_cast<std::uint64_t>(l_.PyUnicodeObject.size);
      data = value(o_.pointer(at_, l_.PyUnicodeObject.data));
      if (data) size += (n + 1) * kind;
    }
    if (!(is_compact && is_ascii)) {
      // A UTF-8 copy counts where it is one: the text of an ASCII string is its own UTF-8.
      const std::uint64_t utf8 = value(o_.pointer(at_, compact.utf8));
      if (utf8 && utf8 != data) size += count(compact.utf8_length) + 1;
    }
    if (ascii.wstr != kAbsent) {
      const std::uint64_t wstr = value(o_.pointer(at_, ascii.wstr));
      const bool shares = kind == 4 && wstr == data;  // sizeof(wchar_t) is 4 on Linux
      if (wstr && !shares) {
        const std::uint64_t wide = is_compact && is_ascii ? n : count(compact.wstr_length);
        size += (wide + 1) * 4;
      }
    }
    return size;
  }
  // What a bytes object has besides its bytes: everything in front of them and the zero behind.
  std::uint64_t bytes_head() const { return static_cast<std::uint64_t>(l_.PyBytesObject.ob_sval) + 1; }
  // Of a bytes object that the object writes to, and counts as its own.
  std::uint64_t inner_bytes(Address inner, std::int64_t length) {
    includes_ = inner;
    return included_ = bytes_head() + checked(length);
  }
  std::uint64_t byte_array() {
    const std::uint64_t alloc = count(l_.PyByteArrayObject.ob_alloc);
    // 3.15 keeps the bytes in a bytes object of its own.
    if (l_.PyByteArrayObject.ob_bytes_object != kAbsent)
      return basic() + (alloc ? inner_bytes(o_.pointer(at_, l_.PyByteArrayObject.ob_bytes_object),
                                            static_cast<std::int64_t>(alloc))
                              : 0);
    return basic() + alloc;
  }
  std::uint64_t integer() {
    const VersionTraits& rules = o_.python().rules;
    std::uint64_t digits;
    if (rules.int_tag) {
      digits = get<std::uint64_t>(at_, l_.PyLongObject.lv_tag) >> 3;
    } else {
      digits = checked(item_count());
    }
    if (digits > kMost) {
      unsure_ = impossible_ = true;
      digits = 0;
    }
    if (digits == 0 && (rules.int_tag || rules.int_zero_has_digit)) digits = 1;
    const std::uint64_t head =
        rules.int_size_ignores_basicsize ? static_cast<std::uint64_t>(l_.PyLongObject.ob_digit) : basic();
    return head + 4 * digits;
  }
  std::uint64_t code() {
    const auto& l = l_.PyCodeObject;
    std::uint64_t size = basic();
    if (l.co_code_adaptive != kAbsent) {
      const std::int64_t units = o_.ob_size(at_);
      size = (size + 2 * checked(units) + 7) / 8 * 8;
    } else {
      const Address code_bytes = o_.pointer(at_, l.co_code);
      if (!is_null(o_.pointer(at_, l.co_cell2arg)))
        size += 8 * checked(o_.ob_size(o_.pointer(at_, l.co_cellvars)));
      if (!is_null(o_.pointer(at_, l.co_opcache))) {
        const std::uint64_t n = get<std::uint8_t>(at_, l.co_opcache_size);
        size += checked(o_.ob_size(code_bytes)) / 2 + 32 * n;
      }
    }
    const Address extra = o_.pointer(at_, l.co_extra);
    if (!is_null(extra)) {
      // _PyCodeObjectExtra: a count and that many pointers (Objects/codeobject.c).
      const std::int64_t n = o_.load<std::int64_t>(extra, 0).value_or(0);
      size += 16 + (n > 1 ? 8 * checked(n - 1) : 0);
    }
    return size;
  }
  std::uint64_t code_slots(Address code) {
    const auto& l = l_.PyCodeObject;
    const std::uint64_t stack = checked(get<std::int32_t>(code, l.co_stacksize));
    if (l.co_nlocalsplus != kAbsent) return 8 * (checked(get<std::int32_t>(code, l.co_nlocalsplus)) + stack);
    const std::uint64_t cells = checked(o_.ob_size(o_.pointer(code, l.co_cellvars)));
    const std::uint64_t frees = checked(o_.ob_size(o_.pointer(code, l.co_freevars)));
    return 8 * (checked(get<std::int32_t>(code, l.co_nlocals)) + cells + frees + stack);
  }
  Address untag(Address a) const {
    return o_.python().rules.tagged_stack_refs ? Address{value(a) & ~std::uint64_t{3}} : a;
  }
  std::uint64_t frame() {
    const auto& l = l_.PyFrameObject;
    if (l.f_frame == kAbsent) return basic() + code_slots(o_.pointer(at_, l.f_code)) - 8;
    const Address iframe = o_.pointer(at_, l.f_frame);
    const Address frame_code = untag(o_.pointer(iframe, l_.PyInterpreterFrame.f_code));
    return basic() + code_slots(frame_code);
  }
  std::uint64_t generator() {
    const auto& l = l_.PyGenObject;
    if (l.gi_iframe == kAbsent) return basic();
    const Address iframe = at_ + static_cast<std::uint64_t>(l.gi_iframe);
    return basic() + code_slots(untag(o_.pointer(iframe, l_.PyInterpreterFrame.f_code)));
  }
  std::uint64_t deque() {
    const std::int64_t block_len = (l_.block.rightlink - l_.block.data) / 8;
    if (block_len <= 0) {
      unsure_ = true;
      return basic();
    }
    const std::int64_t left = get<std::int64_t>(at_, l_.dequeobject.leftindex);
    const std::uint64_t filled = checked(left) + checked(o_.ob_size(at_));
    const std::uint64_t len = static_cast<std::uint64_t>(block_len);
    std::uint64_t blocks = (filled + len - 1) / len;
    if (blocks == 0) blocks = 1;
    return basic() + blocks * static_cast<std::uint64_t>(l_.block.size);
  }
  std::uint64_t ordered_dict() {
    std::uint64_t size = dict() + 8 * count(l_.PyODictObject.od_fast_nodes_size);
    if (!is_null(o_.pointer(at_, l_.PyODictObject.od_first)))
      size += static_cast<std::uint64_t>(l_.ODictNode.size) * count(l_.PyDictObject.ma_used);
    return size;
  }
  std::uint64_t array() {
    const Address descr = o_.pointer(at_, l_.arrayobject.ob_descr);
    const std::int32_t item = get<std::int32_t>(descr, l_.arraydescr.itemsize);
    return basic() + count(l_.arrayobject.allocated) * checked(item);
  }
  std::uint64_t bytes_io() {
    const Address buf = o_.pointer(at_, l_.bytesio.buf);
    const std::uint64_t size = basic();
    // Only where nobody else holds it: a shared buffer is its other holder's as well.
    return !is_null(buf) && o_.refcount(buf) == 1 ? size + inner_bytes(buf, o_.ob_size(buf)) : size;
  }
  std::uint64_t buffered() {
    std::uint64_t size = basic();
    if (!is_null(o_.pointer(at_, l_.buffered.buffer))) size += count(l_.buffered.buffer_size);
    return size;
  }

  // Items of the tuple in a field.
  std::uint64_t length_of(std::int32_t offset) {
    const Address tuple = o_.pointer(at_, offset);
    return is_null(tuple) ? 0 : checked(o_.ob_size(tuple));
  }
  std::uint64_t c_string_bytes(Address text) {
    if (is_null(text)) return 0;
    const auto s = o_.c_string(text, 1 << 20);
    if (!s) unsure_ = true;
    return s ? s->size() + 1 : 0;
  }
  std::uint64_t pickler() {
    std::uint64_t size = basic();
    const Address memo = o_.pointer(at_, l_.PicklerObject.memo);
    if (!is_null(memo))
      size += static_cast<std::uint64_t>(l_.PyMemoTable.size) +
              static_cast<std::uint64_t>(l_.PyMemoEntry.size) *
                  checked(get<std::int64_t>(memo, l_.PyMemoTable.mt_allocated));
    const Address buffer = o_.pointer(at_, l_.PicklerObject.output_buffer);
    if (!is_null(buffer)) size += inner_bytes(buffer, o_.ob_size(buffer));
    return size;
  }
  std::uint64_t unpickler() {
    const auto& l = l_.UnpicklerObject;
    std::uint64_t size = basic();
    if (!is_null(o_.pointer(at_, l.memo))) size += 8 * count(l.memo_size);
    if (!is_null(o_.pointer(at_, l.marks))) size += 8 * count(l.marks_size);
    for (const std::int32_t text : {l.input_line, l.encoding, l.errors})
      size += c_string_bytes(o_.pointer(at_, text));
    return size;
  }
  std::uint64_t struct_codes() {
    const std::uint64_t code = static_cast<std::uint64_t>(l_.formatcode.size);
    std::uint64_t n = 1;
    Address at = o_.pointer(at_, l_.PyStructObject.s_codes);
    for (; !is_null(at) && !is_null(o_.pointer(at, l_.formatcode.fmtdef)); at = at + code)
      if (++n > 10'000'000) {
        unsure_ = true;
        break;
      }
    return basic() + n * code;
  }
  std::uint64_t element() {
    const Address extra = o_.pointer(at_, l_.ElementObject.extra);
    if (is_null(extra)) return basic();
    const auto& l = l_.ElementObjectExtra;
    std::uint64_t size = basic() + static_cast<std::uint64_t>(l.size);
    if (o_.pointer(extra, l.children) != extra + static_cast<std::uint64_t>(l.inline_children))
      size += 8 * checked(get<std::int64_t>(extra, l.allocated));
    return size;
  }
  std::uint64_t decimal() {
    constexpr std::uint8_t kStaticData =
        0xe0;  // MPD_STATIC, MPD_STATIC_DATA ...: the digits lie in the object
    if (get<std::uint8_t>(at_, l_.PyDecObject.flags) & kStaticData) return basic();
    return basic() + 8 * count(l_.PyDecObject.alloc);
  }
  template <class Layout>  // StgDictObject or StgInfo, which have the same fields
  std::uint64_t ctypes_parts(Address base, const Layout& l) {
    std::uint64_t size = c_string_bytes(o_.pointer(base, l.format));
    if (!is_null(o_.pointer(base, l.elements))) size += 8 * (checked(get<std::int64_t>(base, l.length)) + 1);
    return size + 8 * checked(get<std::int32_t>(base, l.ndim));
  }
  std::uint64_t ctypes_type() {
    std::uint64_t size = basic() + items();
    // The basicsize of `type` itself, rounded up: where the StgInfo lies behind a ctypes type.
    const std::uint64_t behind = (static_cast<std::uint64_t>(l_.PyHeapTypeObject.size) + 15) / 16 * 16;
    const Address info = at_ + behind;
    if (l_.StgInfo.initialized != kAbsent && o_.load<std::int32_t>(info, l_.StgInfo.initialized).value_or(0))
      size += ctypes_parts(info, l_.StgInfo);
    return size;
  }

  const Objects& o_;
  const PyLayout& l_;
  const Address at_;
  const TypeInfo& type_;
  bool unsure_ = false, impossible_ = false;
  Address includes_{};
  std::uint64_t included_ = 0;
};

}  // namespace

ObjectSize size_of(const Objects& objects, Address object, const TypeInfo& type) {
  Sizer sizer(objects, object, type);
  std::uint64_t bytes = sizer.bytes();
  const bool impossible = sizer.impossible() || bytes > objects.image().heap_positions() + (1 << 20);
  if (impossible) bytes = static_cast<std::uint64_t>(type.basicsize);
  bytes += type.pre_header_size;
  // A static type has no collector head although its type says so; some releases count it all the same, and
  // from 3.13 on that of a metaclass' instances (CPython Python/sysmodule.c, _PySys_GetSizeOf).
  if (type.flags & kTpTypeSubclass && !(objects.type_flags(object) & kTpHeapType) &&
      !objects.python().rules.static_types_count_gc_head) {
    const bool is_plain = objects.type_of(type.address) == type.address;  // of type itself
    if (is_plain || !objects.python().rules.metaclass_counts_gc_head)
      bytes -= static_cast<std::uint64_t>(objects.layout().PyGC_Head.size);
  }
  ObjectSize size{bytes, impossible || sizer.unsure() || type.size_unsure, impossible};
  if (!impossible) {
    size.includes = sizer.includes();
    size.included = sizer.included();
  }
  return size;
}

std::uint64_t attribute_values_bytes(const Objects& objects, Address object, const TypeInfo& type) {
  if (type.dict != InstanceDict::kManaged) return 0;
  const PyLayout& l = objects.layout();
  const Address before = object - static_cast<std::uint64_t>(l.PyGC_Head.size);
  Address values{};
  switch (objects.python().rules.values) {
    case Values::kDictPointer:
      return 0;
    case Values::kPreHeaderPair:
      values = objects.pointer(before - 16, 0);
      break;
    case Values::kTaggedWord: {
      const auto word = objects.load<std::uint64_t>(before - 8, 0);
      if (word && *word & 1) values = Address{*word + 1};
      break;
    }
    case Values::kInline: {
      if (!(type.flags & kTpInlineValues)) return 0;
      const Address at = object + static_cast<std::uint64_t>(type.basicsize);
      const auto capacity = objects.load<std::uint8_t>(at, l.PyDictValues.capacity);
      // A byte each for the order, rounded up, a head, and the values (pycore_dict.h, _PyInlineValuesSize).
      return capacity ? (std::uint64_t{*capacity} + 7) / 8 * 8 + 8 * (std::uint64_t{*capacity} + 1) : 0;
    }
  }
  if (is_null(values)) return 0;
  const auto keys = objects.keys(objects.pointer(type.address, l.PyHeapTypeObject.ht_cached_keys));
  // The byte in front tells how much stands in front (Objects/dictobject.c, new_values).
  const auto prefix = objects.load<std::uint8_t>(values - 1, 0);
  constexpr std::uint64_t kMostValues = 64;  // SHARED_KEYS_MAX_SIZE is 30
  return keys && prefix && keys->usable_and_used <= kMostValues ? *prefix + 8 * keys->usable_and_used : 0;
}

ExternalBytes external_of(const Objects& objects, Address object, const TypeInfo& type, std::uint64_t size) {
  const PyLayout& l = objects.layout();
  constexpr ExternalBytes kNone;
  // What a process has mapped at most; more is a damaged field.
  const auto plausible = [](std::optional<std::int64_t> n) {
    return n && *n > 0 && static_cast<std::uint64_t>(*n) < kMost ? static_cast<std::uint64_t>(*n) : 0;
  };
  if (type.buffer == BufferRule::kMmap) {
    if (is_null(objects.pointer(object, l.mmap_object.data))) return kNone;
    return {plausible(objects.load<std::int64_t>(object, l.mmap_object.mapped_size)), false};
  }
  if (type.buffer == BufferRule::kNumpy) {
    const auto array = NumpyArrays(objects).owned(object);
    const std::uint64_t bytes = array ? array->items * array->item_size : 0;
    return {bytes, bytes != 0 && size >= bytes};
  }
  if (type.buffer == BufferRule::kCData) {
    const Address data = objects.pointer(object, l.CDataObject.b_ptr);
    const bool inside = data >= object && data - object < size;
    if (inside || !objects.load<std::int32_t>(object, l.CDataObject.b_needsfree).value_or(0)) return kNone;
    return {plausible(objects.load<std::int64_t>(object, l.CDataObject.b_size)), false};
  }
  std::uint64_t block = static_cast<std::uint64_t>(type.basicsize) + type.pre_header_size;
  if (!may_have_buffers(type)) return kNone;
  // What is a bytes object is no buffer.
  if (type.size_rule == SizeRule::kByteArray && l.PyByteArrayObject.ob_bytes_object != kAbsent) return kNone;
  if (type.size_rule == SizeRule::kPickler && size > 0) {
    const Address inner = objects.pointer(object, l.PicklerObject.output_buffer);
    const std::uint64_t in_it =
        is_null(inner) ? 0
                       : static_cast<std::uint64_t>(l.PyBytesObject.ob_sval) + 1 + objects.item_count(inner);
    size -= std::min(size, in_it);
  }
  switch (type.size_rule) {
    case SizeRule::kType:
      if (!(objects.type_flags(object) & kTpHeapType)) return kNone;
      block = static_cast<std::uint64_t>(l.PyHeapTypeObject.size) + type.pre_header_size;
      break;
    case SizeRule::kStr: {
      const std::uint32_t state = objects.load<std::uint32_t>(object, l.PyASCIIObject.state).value_or(0);
      const std::uint64_t kind = state >> 2 & 7;
      const bool compact = state >> 5 & 1, ascii = state >> 6 & 1;
      const std::uint64_t n = plausible(objects.load<std::int64_t>(object, l.PyASCIIObject.length));
      block = static_cast<std::uint64_t>(!compact ? l.PyUnicodeObject.size
                                         : ascii  ? l.PyASCIIObject.size
                                                  : l.PyCompactUnicodeObject.size) +
              type.pre_header_size;
      if (compact) block += (n + 1) * (ascii ? 1 : kind);
      break;
    }
    default: {
      const std::uint64_t n = type.itemsize > 0 ? objects.item_count(object) : 0;
      block += plausible(static_cast<std::int64_t>(n)) *
               static_cast<std::uint64_t>(std::max<std::int64_t>(type.itemsize, 0));
    }
  }
  return {size > block ? size - block : 0};
}

}  // namespace heapglass
