// A place in the target. Not a pointer of ours: only a MemoryReader or an Image turns it into bytes.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace heapglass {

enum class Address : std::uint64_t {};

constexpr std::uint64_t value(Address a) { return static_cast<std::uint64_t>(a); }
constexpr bool is_null(Address a) { return value(a) == 0; }

// Arithmetic wraps, as the target's own would: what comes out is checked when it is read.
constexpr Address operator+(Address a, std::uint64_t bytes) { return Address{value(a) + bytes}; }
constexpr Address operator-(Address a, std::uint64_t bytes) { return Address{value(a) - bytes}; }
constexpr std::uint64_t operator-(Address a, Address b) { return value(a) - value(b); }

std::string to_hex(Address a);  // "0x7f31c0de"

}  // namespace heapglass
