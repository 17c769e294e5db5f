#include "lib/python/objects.h"

namespace heapglass {
namespace {

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x110000) {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += "\xef\xbf\xbd";
  }
}

}  // namespace

std::uint64_t Objects::refcount(Address object) const {
  const std::uint64_t word = load<std::uint64_t>(object, layout_.PyObject.ob_refcnt).value_or(0);
  return python_.rules.refcount_is_32_bit ? word & 0xffffffff : word;
}

bool Objects::is_immortal(std::uint64_t refcount) const {
  return refcount >= kImmortalRefcount ||
         (python_.rules.immortal_objects && static_cast<std::int32_t>(refcount) < 0);
}

std::optional<DictKeys> Objects::keys(Address at) const {
  const auto& l = layout_.PyDictKeysObject;
  if (is_null(at)) return std::nullopt;
  // Asked for nearly every other object: one look-up for all of the head, which ends where the indices begin.
  const std::byte* const head =
      l.dk_indices > 0 ? image_.at(at, static_cast<std::uint64_t>(l.dk_indices)) : nullptr;
  if (!head) return std::nullopt;
  const auto load = [&]<class T>(std::int32_t offset, T) -> std::optional<T> {
    T field;
    if (offset < 0 || offset + static_cast<std::int32_t>(sizeof field) > l.dk_indices) return std::nullopt;
    std::memcpy(&field, head + offset, sizeof field);
    return field;
  };
  DictKeys k;
  const auto refcnt = load(l.dk_refcnt, std::int64_t{});
  const auto nentries = load(l.dk_nentries, std::int64_t{});
  const auto usable_left = load(l.dk_usable, std::int64_t{});
  if (!refcnt || !nentries || !usable_left || *nentries < 0) return std::nullopt;
  k.refcnt = *refcnt;
  k.nentries = static_cast<std::uint64_t>(*nentries);
  std::uint64_t index_bytes, slots;
  if (python_.rules.log2_keys) {
    const auto log2_size = load(l.dk_log2_size, std::uint8_t{});
    const auto log2_index = load(l.dk_log2_index_bytes, std::uint8_t{});
    const auto kind = load(l.dk_kind, std::uint8_t{});
    if (!log2_size || !log2_index || !kind || *log2_size > 44 || *log2_index > 47 || *kind > 2)
      return std::nullopt;
    slots = std::uint64_t{1} << *log2_size;
    index_bytes = std::uint64_t{1} << *log2_index;
    k.general = *kind == 0;
    k.entry_size = k.general ? 24 : 16;
  } else {
    const auto size = load(l.dk_size, std::int64_t{});
    if (!size || *size < 0 || *size > std::int64_t{1} << 44) return std::nullopt;
    slots = static_cast<std::uint64_t>(*size);
    index_bytes = slots * (slots <= 0xff ? 1 : slots <= 0xffff ? 2 : slots <= 0xffffffff ? 4 : 8);
    k.entry_size = 24;
    k.general = false;  // settled by the caller, who knows lookdict
  }
  k.key_offset = k.entry_size == 24 ? 8 : 0;
  k.value_offset = k.key_offset + 8;
  const std::uint64_t usable = slots * 2 / 3;
  if (k.nentries > usable) return std::nullopt;
  const std::uint64_t header = static_cast<std::uint64_t>(l.dk_indices) + index_bytes;
  k.bytes = header + usable * k.entry_size;
  k.usable_and_used = static_cast<std::uint64_t>(*usable_left) + k.nentries;
  if (k.nentries > 0) {
    k.entries = image_.at(at + header, k.nentries * k.entry_size);
    if (!k.entries) return std::nullopt;
  }
  return k;
}

std::optional<std::uint64_t> Objects::str_length(Address object) const {
  if (!(flags_of(object) & kTpUnicodeSubclass)) return std::nullopt;
  return load<std::uint64_t>(object, layout_.PyASCIIObject.length);
}

std::optional<StrState> Objects::str_state(Address object) const {
  // A word of bit-fields: interned 2, kind 3, compact 1, ascii 1 (CPython unicodeobject.h).
  const auto word = load<std::uint32_t>(object, layout_.PyASCIIObject.state);
  if (!word) return std::nullopt;
  return StrState{*word >> 2 & 7, (*word >> 5 & 1) != 0, (*word >> 6 & 1) != 0};
}

bool Objects::str_equals(Address object, std::string_view ascii) const {
  const auto length = load<std::uint64_t>(object, layout_.PyASCIIObject.length);
  if (length != ascii.size()) return false;
  const auto text = str(object, ascii.size());
  return text && *text == ascii;
}

std::optional<std::string> Objects::str(Address object, std::size_t limit) const {
  const auto& ascii = layout_.PyASCIIObject;
  const auto length = str_length(object);
  const auto state = str_state(object);
  if (!length || !state) return std::nullopt;
  const std::uint64_t n = std::min<std::uint64_t>(*length, limit);
  unsigned kind = state->kind;
  Address data;
  if (state->compact) {
    data =
        object + static_cast<std::uint64_t>(state->ascii ? ascii.size : layout_.PyCompactUnicodeObject.size);
  } else {
    data = pointer(object, layout_.PyUnicodeObject.data);
    if (is_null(data) && ascii.wstr != kAbsent) {  // a legacy string that nobody has made ready
      data = pointer(object, ascii.wstr);
      kind = 4;
    }
  }
  if (kind != 1 && kind != 2 && kind != 4) return std::nullopt;
  const std::byte* bytes = image_.at(data, n * kind);
  if (!bytes && n) return std::nullopt;
  std::string out;
  if (state->ascii) {
    out.assign(reinterpret_cast<const char*>(bytes), n);
    return out;
  }
  for (std::uint64_t i = 0; i < n; ++i) {
    std::uint32_t c = 0;
    std::memcpy(&c, bytes + i * kind, kind);
    append_utf8(out, c);
  }
  return out;
}

Address Objects::item(Address dict, std::string_view key) const {
  Address found{};
  each_item(dict, [&](Address k, Address v) {
    if (is_null(found) && str_equals(k, key)) found = v;
  });
  return found;
}

}  // namespace heapglass
