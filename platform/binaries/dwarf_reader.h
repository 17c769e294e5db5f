// Low-level reading of DWARF 2 to 5: units, abbreviations, and the attributes of one entry (DIE) at a time,
// in place. Nothing is kept of entries that are only passed by, which is what makes a search of 15 MB of
// debug information take milliseconds. Damaged input ends a unit, never the program, and the work is bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "platform/binaries/elf_file.h"

namespace heapglass {

struct DwarfAttribute {
  std::uint16_t name = 0;
  std::uint16_t form = 0;
  std::int64_t implicit = 0;  // the value, where the form is DW_FORM_implicit_const
};

// What all entries of one shape have in common. The offsets are from the end of the abbreviation code;
// kVaries where only the entry itself can tell.
struct DwarfAbbreviation {
  static constexpr std::int32_t kVaries = -1;
  std::uint16_t tag = 0;
  bool has_children = false;
  std::uint32_t first_attribute = 0;
  std::uint32_t attribute_count = 0;
  std::int32_t size = kVaries;   // of all attributes
  std::uint32_t least_size = 0;  // of those before the first whose size varies
  std::int32_t name_at = kVaries;
  std::uint16_t name_form = 0;
  std::int32_t sibling_at = kVaries;
  std::uint16_t sibling_form = 0;
};

struct DwarfAbbreviations {
  std::vector<DwarfAbbreviation> by_code;  // compilers number from 1 without gaps
  std::unordered_map<std::uint64_t, DwarfAbbreviation> by_other_code;
  std::vector<DwarfAttribute> attributes;

  const DwarfAbbreviation* find(std::uint64_t code) const {
    if (code - 1 < by_code.size()) return &by_code[code - 1];
    const auto found = by_other_code.find(code);
    return found == by_other_code.end() ? nullptr : &found->second;
  }
  std::span<const DwarfAttribute> attributes_of(const DwarfAbbreviation& abbreviation) const {
    return std::span(attributes).subspan(abbreviation.first_attribute, abbreviation.attribute_count);
  }
};

struct DwarfUnit {
  std::uint32_t file = 0;         // 0, or 1 for the alternate file of dwz -m
  bool in_types_section = false;  // .debug_types of DWARF 4
  std::uint64_t offset = 0;       // of the header in its section, like the next two
  std::uint64_t first_entry = 0;
  std::uint64_t end = 0;
  std::uint64_t abbreviations = 0;  // offset in .debug_abbrev
  std::uint16_t version = 0;
  std::uint8_t kind = 0;  // DW_UT_*
  std::uint8_t address_size = 8;
  std::uint8_t offset_size = 4;  // 8 in 64-bit DWARF
  std::uint64_t signature = 0;   // type units
  std::uint64_t type_entry = 0;  // type units: offset of the type's entry in the section
};

// An entry. Offsets in two files or sections may be equal, hence the unit.
struct DwarfPlace {
  std::uint32_t unit = 0;
  std::uint64_t offset = 0;  // in the unit's section
  bool operator==(const DwarfPlace&) const = default;
};

struct DwarfPlaceHash {
  std::size_t operator()(const DwarfPlace& place) const {
    return (place.offset + (std::uint64_t{place.unit} << 40)) * 0x9e3779b97f4a7c15U >> 16;
  }
};

struct DwarfValue {
  std::uint16_t form = 0;  // 0: the entry has no such attribute
  std::uint64_t number = 0;
  std::span<const std::byte> block;  // DW_FORM_string too, without its NUL
  explicit operator bool() const { return form != 0; }
};

class DwarfReader {
 public:
  // `alternate` may be nullptr. Both must outlive the reader.
  DwarfReader(const ElfFile& file, const ElfFile* alternate);

  const std::vector<DwarfUnit>& units() const { return units_; }
  const std::vector<std::string>& problems() const { return problems_; }  // for people

  // The bytes of the section that `unit` is in, from the section's start to the unit's end.
  std::span<const std::byte> bytes(const DwarfUnit& unit) const;
  // nullptr: damaged. Valid as long as the reader.
  const DwarfAbbreviations* abbreviations(const DwarfUnit& unit);

  // A cursor over one unit's bytes. Every read checks; past the end `ok` turns false and stays so.
  struct Cursor {
    const std::byte* at = nullptr;
    const std::byte* end = nullptr;
    bool ok = true;
    std::uint64_t fixed(unsigned size);
    std::uint64_t uleb();
    std::int64_t sleb();
    std::span<const std::byte> take(std::uint64_t size);
    std::span<const std::byte> c_string();
  };
  Cursor cursor(const DwarfUnit& unit, std::uint64_t offset) const;
  std::uint64_t offset(const DwarfUnit& unit, const Cursor& cursor) const;

  static void skip(const DwarfUnit& unit, std::uint16_t form, Cursor& cursor);
  static DwarfValue read(const DwarfUnit& unit, const DwarfAttribute& attribute, Cursor& cursor);

  // The offset in the section that a DW_AT_sibling at `at` holds; 0 where it has none, or one that leaves the
  // unit.
  static std::uint64_t sibling(const DwarfUnit& unit, std::uint16_t form, Cursor at);

  // Interpretations of a value; nullopt or "" where it is none of the kind, or is damaged.
  std::string_view text(std::uint32_t unit, const DwarfValue& value);
  std::optional<DwarfPlace> place(std::uint32_t unit, const DwarfValue& value);
  static std::optional<std::uint64_t> constant(const DwarfValue& value);

 private:
  struct Sections {
    SectionBytes info, types, abbrev, str, line_str, str_offsets;
    std::uint32_t first_info = 0, first_types = 0, end = 0;  // its ranges of units_
    std::uint64_t abbreviation_bytes_left = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<DwarfAbbreviations>> abbreviations;
  };

  void load(const ElfFile& file, std::uint32_t index);
  void load_units(std::uint32_t file, bool types);
  std::optional<std::uint32_t> unit_at(std::uint32_t file, bool types, std::uint64_t offset) const;
  std::uint64_t str_offsets_base(const DwarfUnit& unit);

  std::vector<Sections> files_;
  std::vector<DwarfUnit> units_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_signature_;
  std::unordered_map<std::uint64_t, std::uint64_t> str_offsets_base_;  // by unit offset, file 0 only
  std::vector<std::string> problems_;
};

inline std::uint64_t DwarfReader::Cursor::fixed(unsigned size) {
  if (static_cast<std::size_t>(end - at) < size) {
    ok = false;
    at = end;
    return 0;
  }
  std::uint64_t number = 0;  // little endian, as ElfFile accepts no other
  __builtin_memcpy(&number, at, size);
  at += size;
  return number;
}

inline std::uint64_t DwarfReader::Cursor::uleb() {
  std::uint64_t number = 0;
  for (unsigned shift = 0; at != end; shift += 7) {
    const auto byte = static_cast<std::uint64_t>(*at++);
    if (shift < 64) number |= (byte & 127) << shift;
    if (byte < 128) return number;
  }
  ok = false;
  return 0;
}

inline std::uint64_t DwarfReader::sibling(const DwarfUnit& unit, std::uint16_t form, Cursor at) {
  std::uint64_t offset = unit.offset;
  switch (form) {
    case 0x11:  // DW_FORM_ref1, what dwz makes of most
      offset += at.fixed(1);
      break;
    case 0x12:  // DW_FORM_ref2
      offset += at.fixed(2);
      break;
    case 0x13:  // DW_FORM_ref4, what compilers write
      offset += at.fixed(4);
      break;
    case 0x14:  // DW_FORM_ref8
      offset += at.fixed(8);
      break;
    case 0x15:  // DW_FORM_ref_udata, dwz as well
      offset += at.uleb();
      break;
    case 0x10:  // DW_FORM_ref_addr
      offset = at.fixed(unit.version <= 2 ? unit.address_size : unit.offset_size);
      break;
    default:
      return 0;
  }
  return at.ok && offset > unit.first_entry && offset < unit.end ? offset : 0;
}

}  // namespace heapglass
