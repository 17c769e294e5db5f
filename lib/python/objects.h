// Plain reads of objects in an image: headers, dict keys, strings. No knowledge of particular types beyond
// the core.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "lib/base/read_errors.h"
#include "lib/python/runtime.h"
#include "lib/target/image.h"

namespace heapglass {

// tp_flags, CPython Include/object.h.
constexpr std::uint64_t kTpStaticBuiltin = 1u << 1;  // 3.12+
constexpr std::uint64_t kTpInlineValues = 1u << 2;   // 3.13+
constexpr std::uint64_t kTpManagedDict = 1u << 4;    // 3.11+
constexpr std::uint64_t kTpHeapType = 1u << 9;
constexpr std::uint64_t kTpReady = 1u << 12;
constexpr std::uint64_t kTpHaveGc = 1u << 14;
constexpr std::uint64_t kTpItemsAtEnd = 1u << 23;  // 3.12+
constexpr std::uint64_t kTpLongSubclass = 1u << 24;
constexpr std::uint64_t kTpListSubclass = 1u << 25;
constexpr std::uint64_t kTpTupleSubclass = 1u << 26;
constexpr std::uint64_t kTpBytesSubclass = 1u << 27;
constexpr std::uint64_t kTpUnicodeSubclass = 1u << 28;
constexpr std::uint64_t kTpDictSubclass = 1u << 29;
constexpr std::uint64_t kTpBaseExcSubclass = 1u << 30;
constexpr std::uint64_t kTpTypeSubclass = std::uint64_t{1} << 31;
// Bytes from tp_traverse to tp_is_gc in PyTypeObject: the slots between have been the same since 2.2.
constexpr std::uint32_t kTpIsGcBehindTraverse = 18 * 8;

// 3.11 gives objects that are part of the program file this count (_PyObject_IMMORTAL_REFCNT, object.h), and
// counts on from there.
constexpr std::uint64_t kImmortalRefcount = 999'000'000;

// The low bits of a _PyStackRef (3.14+), which are not the address's.
constexpr std::uint64_t kStackRefTag = 3;

// A PyDictKeysObject, checked: `entries` are readable up to `nentries`.
struct DictKeys {
  const std::byte* entries = nullptr;  // ours
  std::uint64_t nentries = 0;
  std::uint32_t entry_size = 0;                    // bytes
  std::uint32_t key_offset = 0, value_offset = 0;  // in an entry
  bool general = false;                            // keys may be anything: tp_traverse visits them
  std::int64_t refcnt = 0;
  std::uint64_t bytes = 0;            // of the whole table, as __sizeof__ counts it
  std::uint64_t usable_and_used = 0;  // slots of a values array made for it
  Address key(std::uint64_t i) const { return word(i, key_offset); }
  Address entry_value(std::uint64_t i) const { return word(i, value_offset); }

 private:
  Address word(std::uint64_t i, std::uint32_t offset) const {
    std::uint64_t w;
    std::memcpy(&w, entries + i * entry_size + offset, 8);
    return Address{w};
  }
};

// PyASCIIObject.state.
struct StrState {
  unsigned kind = 0;     // bytes of a character; 0: not made ready, to 3.11
  bool compact = false;  // the characters stand behind the head, in the same block
  bool ascii = false;

  // Bytes that each character takes: those of a str that is not made ready are of wchar_t.
  std::uint64_t width() const { return kind == 1 || kind == 2 ? kind : 4; }
};

class Objects {
 public:
  Objects(const Image& image, const PyRuntime& python)
      : image_(image), python_(python), layout_(python.layout) {}

  const Image& image() const { return image_; }
  const PyRuntime& python() const { return python_; }
  const PyLayout& layout() const { return layout_; }

  template <class T = std::uint64_t>
  std::optional<T> load(Address base, std::int32_t offset) const {
    T out;
    if (offset == kAbsent || !image_.load(base + static_cast<std::uint64_t>(offset), out))
      return std::nullopt;
    return out;
  }
  // A pointer field; null Address where it is NULL, absent or unreadable.
  Address pointer(Address base, std::int32_t offset) const {
    const auto w = load<std::uint64_t>(base, offset);
    return Address{w.value_or(0)};
  }
  Address type_of(Address object) const { return pointer(object, layout_.PyObject.ob_type); }
  std::int64_t ob_size(Address object) const {
    return load<std::int64_t>(object, layout_.PyVarObject.ob_size).value_or(0);
  }
  // Items of a variable-size object: |ob_size|, whose sign means other things. Up to 2^63, nothing is
  // checked.
  std::uint64_t item_count(Address object) const {
    const std::uint64_t n = static_cast<std::uint64_t>(ob_size(object));
    return n >> 63 ? ~n + 1 : n;
  }
  std::uint64_t type_flags(Address type) const {
    return load<std::uint64_t>(type, layout_.PyTypeObject.tp_flags).value_or(0);
  }
  std::uint64_t flags_of(Address object) const { return type_flags(type_of(object)); }
  // The reference count as the interpreter shows it (its 32-bit half on 3.14+).
  std::uint64_t refcount(Address object) const;
  // Whether such a count is that of an object which is never freed: immortal, or part of the program file.
  bool is_immortal(std::uint64_t refcount) const;

  std::optional<DictKeys> keys(Address keys_object) const;
  // Of a dict (or subclass): calls visit(key, value) for every item, insertion order not kept. Split tables
  // and values embedded in an instance included. A visit that gives false is the last one.
  template <class Visit>
  void each_item(Address dict, Visit visit) const {
    const auto table = keys(pointer(dict, layout_.PyDictObject.ma_keys));
    if (!table) return;
    const Address values = pointer(dict, layout_.PyDictObject.ma_values);
    const auto goes_on = [&](std::uint64_t i, Address value) {
      if constexpr (std::is_same_v<decltype(visit(Address{}, Address{})), bool>)
        return visit(table->key(i), value);
      else
        return visit(table->key(i), value), true;
    };
    if (is_null(values)) {
      for (std::uint64_t i = 0; i < table->nentries; ++i)
        if (const Address v = table->entry_value(i); !is_null(v) && !goes_on(i, v)) return;
      return;
    }
    const std::byte* slots = image_.at(values + values_offset(), table->nentries * 8);
    if (!slots) return;
    for (std::uint64_t i = 0; i < table->nentries; ++i) {
      std::uint64_t v;
      std::memcpy(&v, slots + i * 8, 8);
      if (v && !goes_on(i, Address{v})) return;
    }
  }
  std::uint64_t values_offset() const {
    return layout_.PyDictValues.values == kAbsent ? 0
                                                  : static_cast<std::uint64_t>(layout_.PyDictValues.values);
  }
  // The value under a str key, by its text.
  Address item(Address dict, std::string_view key) const;

  // A str's text as UTF-8, at most `limit` code points; nullopt where `object` is no readable str. Lone
  // surrogates come as their three bytes, so that what differs in the target differs here.
  std::optional<std::string> str(Address object, std::size_t limit = 4096) const;
  // Code points of a str, or nullopt.
  std::optional<std::uint64_t> str_length(Address object) const;
  // How a str has its characters; nullopt where it cannot be read.
  std::optional<StrState> str_state(Address object) const;
  bool str_equals(Address object, std::string_view ascii) const;
  std::optional<std::string> c_string(Address at, std::size_t limit = 4096) const {
    return read_c_string(image_, at, limit);
  }

 private:
  const Image& image_;
  const PyRuntime& python_;
  const PyLayout& layout_;
};

}  // namespace heapglass
