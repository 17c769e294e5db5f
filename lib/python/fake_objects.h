// Objects of the core, made up in memory of ours as one release of CPython lays them out: what fake_heap.h is
// built from.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/python/builtin_layouts.h"
#include "lib/python/layout.h"
#include "lib/python/objects.h"
#include "lib/python/runtime.h"

namespace heapglass {

// Memory that grows from one address, and objects in it.
class FakeObjects {
 public:
  static constexpr Address kStart{0x7f00'0000'0000};

  explicit FakeObjects(std::uint32_t hexversion) {
    python.hexversion = hexversion;
    python.version = version_text(hexversion);
    python.sources = {builtin_layout(hexversion, false)};
    python.layout = load_layout(LayoutSources(python.sources)).layout;
    rules_for(hexversion, python.rules);
  }

  // Words that say something, in order of their making: what is worth damaging.
  std::vector<Address> words;
  std::vector<Address> objects;
  PyRuntime python;

  Address raw(std::uint64_t size) {
    const Address at = kStart + bytes_.size();
    bytes_.resize(bytes_.size() + (size + 15) / 16 * 16);
    return at;
  }
  // Nothing where this version has no such field.
  void put(Address base, std::int32_t offset, std::uint64_t word, unsigned size = 8) {
    if (offset == kAbsent) return;
    const Address at = base + static_cast<std::uint64_t>(offset);
    std::memcpy(bytes_.data() + (at - kStart), &word, size);
    words.push_back(Address{value(at) & ~std::uint64_t{7}});
  }
  void put(Address base, std::int32_t offset, Address a) { put(base, offset, value(a)); }
  std::uint64_t get(Address base, std::int32_t offset) const {
    std::uint64_t word;
    std::memcpy(&word, bytes_.data() + (base + static_cast<std::uint64_t>(offset) - kStart), 8);
    return word;
  }

  // With room for the words in front of a collector's head, whether the type has them or not.
  Address object(Address type, std::uint64_t size, std::int64_t ob_size = 0) {
    const std::uint64_t front = 16 + static_cast<std::uint64_t>(l().PyGC_Head.size);
    const Address at = raw(front + size + 64) + front;
    put(at, l().PyObject.ob_refcnt, 1);
    put(at, l().PyObject.ob_type, type);
    if (ob_size) put(at, l().PyVarObject.ob_size, static_cast<std::uint64_t>(ob_size));
    objects.push_back(at);
    return at;
  }
  Address c_string(std::string_view text) {
    const Address at = raw(text.size() + 1);
    std::memcpy(bytes_.data() + (at - kStart), text.data(), text.size());
    return at;
  }
  Address str(std::string_view text) {
    const auto& a = l().PyASCIIObject;
    const Address at = object(types["str"], static_cast<std::uint64_t>(a.size) + text.size() + 1);
    put(at, a.length, text.size());
    put(at, a.state, 1u << 2 | 1u << 5 | 1u << 6, 4);  // kind 1, compact, ascii
    std::memcpy(bytes_.data() + (at - kStart) + a.size, text.data(), text.size());
    return at;
  }
  Address bytes(std::string_view text) {
    const Address at =
        object(types["bytes"], static_cast<std::uint64_t>(l().PyBytesObject.ob_sval) + text.size() + 1,
               static_cast<std::int64_t>(text.size()));
    std::memcpy(bytes_.data() + (at - kStart) + l().PyBytesObject.ob_sval, text.data(), text.size());
    return at;
  }
  Address integer(std::uint32_t digit) {
    const auto& i = l().PyLongObject;
    const Address at = object(types["int"], static_cast<std::uint64_t>(i.ob_digit) + 8, 1);
    put(at, i.lv_tag, 1u << 3);
    put(at, i.ob_digit, digit, 4);
    return at;
  }
  Address tuple(const std::vector<Address>& items) {
    const Address at =
        object(types["tuple"], static_cast<std::uint64_t>(l().PyTupleObject.ob_item) + 8 * items.size(),
               static_cast<std::int64_t>(items.size()));
    array(at, l().PyTupleObject.ob_item, items);
    return at;
  }
  Address list(const std::vector<Address>& items) {
    const Address at = object(types["list"], static_cast<std::uint64_t>(l().PyListObject.size),
                              static_cast<std::int64_t>(items.size()));
    const Address slots = raw(8 * items.size() + 8);
    array(slots, 0, items);
    put(at, l().PyListObject.ob_item, slots);
    put(at, l().PyListObject.allocated, items.size());
    return at;
  }
  void array(Address base, std::int32_t offset, const std::vector<Address>& items) {
    for (std::size_t i = 0; i < items.size(); ++i)
      put(base, offset + static_cast<std::int32_t>(8 * i), items[i]);
  }

  using Items = std::vector<std::pair<Address, Address>>;
  Address keys(const Items& items, bool general = false) {
    const auto& k = l().PyDictKeysObject;
    unsigned log2 = 3;
    while ((1u << log2) * 2 / 3 < items.size()) ++log2;
    const std::uint64_t slots = std::uint64_t{1} << log2, usable = slots * 2 / 3;
    const bool log2_keys = python.rules.log2_keys;
    const unsigned log2_index = log2 + (log2 >= 8);
    const std::uint64_t index_bytes = std::uint64_t{1} << log2_index;
    const std::uint64_t entry = log2_keys && !general ? 16 : 24;
    const std::uint64_t header = static_cast<std::uint64_t>(k.dk_indices) + index_bytes;
    const Address at = raw(header + usable * entry);
    put(at, k.dk_refcnt, 1);
    put(at, k.dk_size, slots);
    put(at, k.dk_lookup, general ? kLookdict : kLookdictUnicode);
    put(at, k.dk_log2_size, log2, 1);
    put(at, k.dk_log2_index_bytes, log2_index, 1);
    put(at, k.dk_kind, general ? 0 : 1, 1);
    put(at, k.dk_usable, usable - items.size());
    put(at, k.dk_nentries, items.size());
    std::int32_t offset = static_cast<std::int32_t>(header + (entry == 24 ? 8 : 0));
    for (const auto& [key, v] : items) {
      put(at, offset, key);
      put(at, offset + 8, v);
      offset += static_cast<std::int32_t>(entry);
    }
    return at;
  }
  Address dict(const Items& items, bool general = false) {
    const Address at = object(types["dict"], static_cast<std::uint64_t>(l().PyDictObject.size));
    fill_dict(at, items, general);
    return at;
  }
  void fill_dict(Address at, const Items& items, bool general = false) {
    put(at, l().PyDictObject.ma_used, items.size());
    put(at, l().PyDictObject.ma_keys, keys(items, general));
  }

  // A type object that is not filled yet.
  Address type_space() {
    return object(types.count("type") ? types["type"] : Address{},
                  static_cast<std::uint64_t>(l().PyHeapTypeObject.size) + 256);
  }
  struct Type {
    std::string name;
    std::uint64_t basicsize = 16, itemsize = 0;
    std::uint64_t flags = kTpReady | kTpHaveGc;
    Address base{}, traverse{};
    Items items;
    std::vector<Address> mro;
  };
  void fill_type(Address at, const Type& t) {
    const auto& p = l().PyTypeObject;
    put(at, p.tp_name, c_string(t.name));
    put(at, p.tp_basicsize, t.basicsize);
    put(at, p.tp_itemsize, t.itemsize);
    put(at, p.tp_flags, t.flags);
    put(at, p.tp_traverse, t.traverse);
    put(at, p.tp_base, t.base);
    put(at, p.tp_dict, dict(t.items));
    std::vector<Address> mro = t.mro;
    mro.insert(mro.begin(), at);
    if (types.count("object") && types["object"] != at) mro.push_back(types["object"]);
    put(at, p.tp_mro, tuple(mro));
  }

  const PyLayout& l() const { return python.layout; }
  std::map<std::string, Address> types;  // by tp_name

 protected:
  static constexpr std::uint64_t kLookdict = 0x5000'0010, kLookdictUnicode = 0x5000'0020;
  std::vector<std::byte> bytes_;
};

}  // namespace heapglass
