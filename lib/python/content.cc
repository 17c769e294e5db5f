#include "lib/python/content.h"

#include <algorithm>
#include <array>

namespace heapglass {
namespace {

constexpr std::uint64_t kLooked = 64;  // bytes; longer values differ in length or early, mostly

std::uint64_t of_bytes(const Objects& o, Address at, std::uint64_t size, std::uint64_t seed) {
  const std::uint64_t n = std::min(size, kLooked);
  std::array<std::byte, kLooked> bytes{};
  const std::byte* from = n ? o.image().at(at, n) : nullptr;
  if (n && !from) return 0;
  if (n) std::memcpy(bytes.data(), from, n);
  std::uint64_t h = seed + 1;
  for (std::uint64_t i = 0; i < n; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    h = mixed(h, word);
  }
  return h;
}

Address at(Address object, std::int32_t offset) { return object + static_cast<std::uint64_t>(offset); }

std::uint64_t of_value(const Objects& o, Address a, const TypeInfo& type) {
  const PyLayout& l = o.layout();
  if (type.flags & kTpUnicodeSubclass) {
    const auto text = o.str(a, kLooked);
    std::uint64_t h = o.str_length(a).value_or(0) + 1;
    for (const char c : text.value_or("")) h = mixed(h, static_cast<unsigned char>(c));
    return text ? h : 0;
  }
  if (type.flags & kTpBytesSubclass) {
    const std::uint64_t n = o.item_count(a);
    return of_bytes(o, at(a, l.PyBytesObject.ob_sval), n, n);
  }
  if (type.flags & kTpLongSubclass) {
    // Up to 3.11 ob_size has the sign and the number of digits, then lv_tag.
    const bool tagged = l.PyLongObject.lv_tag != kAbsent;
    if (!o.load(a, tagged ? l.PyLongObject.lv_tag : l.PyVarObject.ob_size)) return 0;
    const std::uint64_t tag = tagged ? o.load<std::uint64_t>(a, l.PyLongObject.lv_tag).value_or(0)
                                     : static_cast<std::uint64_t>(o.ob_size(a));
    constexpr std::uint64_t kTagBits = 3, kDigit = 4;
    const std::uint64_t digits = tagged ? tag >> kTagBits : o.item_count(a);
    return of_bytes(o, at(a, l.PyLongObject.ob_digit), std::min(digits, kLooked) * kDigit, tag);
  }
  if (type.name == "builtins.float") return of_bytes(o, at(a, l.PyFloatObject.ob_fval), 8, 8);
  return 0;
}

}  // namespace

std::uint32_t value_fingerprint(const Objects& objects, Address object, const TypeInfo& type) {
  const std::uint64_t h = of_value(objects, object, type);
  return h ? static_cast<std::uint32_t>(h) | 1 : 0;
}

}  // namespace heapglass
