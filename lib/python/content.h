// A fingerprint of values that cannot change as long as the object lives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/python/types.h"

namespace heapglass {

// Of a str, bytes, int or float, by its first bytes and its length; nothing for other objects. Never 0 where
// there is one.
std::uint32_t value_fingerprint(const Objects& objects, Address object, const TypeInfo& type);

// What tells the value of a str, bytes, int, float or complex from every other value of its kind: equal bytes
// for equal values, whatever the object. Nothing for other objects, and for one that takes more than `most`
// bytes or cannot be read.
std::optional<std::string> value_bytes(const Objects& objects, Address object, const TypeInfo& type,
                                       std::uint64_t most);

// The value of an int of at most 63 bits; nothing for a larger one, and for one that cannot be read.
std::optional<std::int64_t> small_int(const Objects& objects, Address object);

// Joins two fingerprints; the order matters.
constexpr std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  std::uint64_t h = (a ^ (b + 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd;
  return h ^ h >> 32;
}

}  // namespace heapglass
