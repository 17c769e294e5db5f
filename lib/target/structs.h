// C structs of the target's binaries: where their fields are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heapglass {

struct FieldLayout {
  std::uint64_t offset = 0;  // bytes from the start of the struct; of a bit-field: of the byte it begins in
  std::uint64_t size = 0;    // bytes; of an array: of the whole array
  std::uint32_t bit_offset = 0;  // bits from `offset` upwards, bit-fields only
  std::uint32_t bit_size = 0;    // 0: not a bit-field
};

// Nested structs and unions are flattened with dots, anonymous ones add no name: "ob_base.ob_type",
// "_gil.last_holder". Of an array of structs the first element's fields stand as "generations[0].head".
struct StructLayout {
  std::uint64_t size = 0;
  std::map<std::string, FieldLayout, std::less<>> fields;
};

struct StructSource {
  virtual ~StructSource() = default;
  // By the name of the struct tag or the typedef, whichever the source has. nullptr: not known here.
  virtual const StructLayout* find(std::string_view name) const = 0;
  // Whence, for people: "DWARF of /usr/lib/libpython3.12.so.1.0", "built-in table for 3.11.2".
  virtual std::string description() const = 0;
};

}  // namespace heapglass
