#include "lib/python/content.h"

#include <algorithm>
#include <array>

#include "lib/python/words.h"

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

// An int's digits, 30 bits of each four bytes, and its sign. Up to 3.11 ob_size has the sign and the number
// of digits, then lv_tag: 0 positive, 1 zero, 2 negative in the lowest two bits, the number from bit 3 on.
struct Digits {
  Address at{};
  std::uint64_t count = 0;
  std::uint64_t tag = 0;  // sign and number, as they stand there
  bool negative = false;
};
std::optional<Digits> digits_of(const Objects& o, Address a) {
  const PyLayout& l = o.layout();
  const bool tagged = l.PyLongObject.lv_tag != kAbsent;
  const auto tag = o.load<std::uint64_t>(a, tagged ? l.PyLongObject.lv_tag : l.PyVarObject.ob_size);
  if (!tag) return std::nullopt;
  constexpr std::uint64_t kTagBits = 3, kSign = 3, kNegative = 2;
  return Digits{at(a, l.PyLongObject.ob_digit), tagged ? *tag >> kTagBits : o.item_count(a), *tag,
                tagged ? (*tag & kSign) == kNegative : static_cast<std::int64_t>(*tag) < 0};
}
constexpr std::uint64_t kDigitBytes = 4;

std::optional<std::string> raw(const Objects& o, Address from, std::uint64_t size, std::uint64_t most) {
  if (size == 0) return std::string();
  const std::byte* bytes = size > most ? nullptr : o.image().at(from, size);
  if (!bytes) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

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
    const auto digits = digits_of(o, a);
    return digits ? of_bytes(o, digits->at, std::min(digits->count, kLooked) * kDigitBytes, digits->tag) : 0;
  }
  if (type.name == "builtins.float") return of_bytes(o, at(a, l.PyFloatObject.ob_fval), 8, 8);
  return 0;
}

std::optional<std::string> plain_value(const Objects& o, Address a, const TypeInfo& type,
                                       std::uint64_t most) {
  const PyLayout& l = o.layout();
  if (type.flags & kTpUnicodeSubclass) {
    const auto length = o.str_length(a);
    return length && *length <= most ? o.str(a, most) : std::nullopt;
  }
  if (type.flags & kTpBytesSubclass) return raw(o, at(a, l.PyBytesObject.ob_sval), o.item_count(a), most);
  if (type.flags & kTpLongSubclass) {
    const auto digits = digits_of(o, a);
    if (!digits || digits->count > most / kDigitBytes) return std::nullopt;
    auto bytes = raw(o, digits->at, digits->count * kDigitBytes, most);
    if (bytes) bytes->push_back(digits->negative ? '-' : '+');
    return bytes;
  }
  if (type.name == "builtins.float") return raw(o, at(a, l.PyFloatObject.ob_fval), 8, most);
  // Two numbers behind the head, in every version.
  if (type.name == "builtins.complex") return raw(o, at(a, l.PyFloatObject.ob_fval), 16, most);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> value_bytes(const Objects& objects, Address object, const TypeInfo& type,
                                       std::uint64_t most) {
  auto bytes = plain_value(objects, object, type, most);
  if (!bytes) return std::nullopt;
  const char kind = type.flags & kTpUnicodeSubclass ? 's'
                    : type.flags & kTpBytesSubclass ? 'b'
                    : type.flags & kTpLongSubclass  ? 'i'
                                                    : type.name[sizeof "builtins." - 1];
  bytes->insert(bytes->begin(), kind);
  return bytes;
}

std::optional<std::int64_t> small_int(const Objects& objects, Address object) {
  const auto digits = digits_of(objects, object);
  if (!digits || digits->count > 3) return std::nullopt;  // of 30 bits each
  unsigned __int128 v = 0;
  for (std::uint64_t i = digits->count; i-- > 0;) {
    const auto digit = objects.load<std::uint32_t>(digits->at, static_cast<std::int32_t>(kDigitBytes * i));
    if (!digit) return std::nullopt;
    v = v << 30 | *digit;
  }
  if (v >> 63) return std::nullopt;
  const auto magnitude = static_cast<std::int64_t>(v);
  return digits->negative ? -magnitude : magnitude;
}

std::uint32_t value_fingerprint(const Objects& objects, Address object, const TypeInfo& type) {
  const std::uint64_t h = of_value(objects, object, type);
  return h ? static_cast<std::uint32_t>(h) | 1 : 0;
}

}  // namespace heapglass
