#include "platform/binaries/dwarf_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "llvm/BinaryFormat/Dwarf.h"

namespace heapglass {

namespace dw = llvm::dwarf;

namespace {

constexpr std::int32_t kVaries = DwarfAbbreviation::kVaries;
constexpr std::int32_t kUnknown = -2;

// Bytes of a value of `form`.
std::int32_t form_size(const DwarfUnit& unit, std::uint16_t form) {
  switch (form) {
    case dw::DW_FORM_flag_present:
    case dw::DW_FORM_implicit_const:
      return 0;
    case dw::DW_FORM_data1:
    case dw::DW_FORM_ref1:
    case dw::DW_FORM_flag:
    case dw::DW_FORM_strx1:
    case dw::DW_FORM_addrx1:
      return 1;
    case dw::DW_FORM_data2:
    case dw::DW_FORM_ref2:
    case dw::DW_FORM_strx2:
    case dw::DW_FORM_addrx2:
      return 2;
    case dw::DW_FORM_strx3:
    case dw::DW_FORM_addrx3:
      return 3;
    case dw::DW_FORM_data4:
    case dw::DW_FORM_ref4:
    case dw::DW_FORM_ref_sup4:
    case dw::DW_FORM_strx4:
    case dw::DW_FORM_addrx4:
      return 4;
    case dw::DW_FORM_data8:
    case dw::DW_FORM_ref8:
    case dw::DW_FORM_ref_sup8:
    case dw::DW_FORM_ref_sig8:
      return 8;
    case dw::DW_FORM_data16:
      return 16;
    case dw::DW_FORM_addr:
      return unit.address_size;
    case dw::DW_FORM_ref_addr:  // DWARF 2 said address, all later ones offset
      return unit.version <= 2 ? unit.address_size : unit.offset_size;
    case dw::DW_FORM_strp:
    case dw::DW_FORM_line_strp:
    case dw::DW_FORM_sec_offset:
    case dw::DW_FORM_strp_sup:
    case dw::DW_FORM_GNU_strp_alt:
    case dw::DW_FORM_GNU_ref_alt:
      return unit.offset_size;
    case dw::DW_FORM_block1:
    case dw::DW_FORM_block2:
    case dw::DW_FORM_block4:
    case dw::DW_FORM_block:
    case dw::DW_FORM_exprloc:
    case dw::DW_FORM_string:
    case dw::DW_FORM_sdata:
    case dw::DW_FORM_udata:
    case dw::DW_FORM_ref_udata:
    case dw::DW_FORM_strx:
    case dw::DW_FORM_addrx:
    case dw::DW_FORM_loclistx:
    case dw::DW_FORM_rnglistx:
    case dw::DW_FORM_GNU_str_index:
    case dw::DW_FORM_GNU_addr_index:
    case dw::DW_FORM_indirect:
      return kVaries;
    default:
      return kUnknown;
  }
}

// The abbreviation with the offsets that depend only on the forms.
void precompute(const DwarfUnit& unit, const DwarfAbbreviations& table, DwarfAbbreviation& abbreviation) {
  std::int32_t at = 0;
  for (const DwarfAttribute& attribute : table.attributes_of(abbreviation)) {
    if (attribute.name == dw::DW_AT_name) {
      abbreviation.name_at = at;
      abbreviation.name_form = attribute.form;
    } else if (attribute.name == dw::DW_AT_sibling) {
      abbreviation.sibling_at = at;
      abbreviation.sibling_form = attribute.form;
    }
    const std::int32_t size = form_size(unit, attribute.form);
    if (size < 0) return;
    at += size;
    abbreviation.least_size = static_cast<std::uint32_t>(at);
  }
  abbreviation.size = at;
}

// Reads the names and forms of one abbreviation, to the two zeros behind them.
bool read_attributes(DwarfReader::Cursor& cursor, std::vector<DwarfAttribute>& attributes) {
  while (true) {
    DwarfAttribute attribute;
    attribute.name = static_cast<std::uint16_t>(cursor.uleb());
    attribute.form = static_cast<std::uint16_t>(cursor.uleb());
    if (!cursor.ok) return false;
    if (attribute.name == 0 && attribute.form == 0) return true;
    if (attribute.name == 0 || attribute.form == 0) return false;
    if (attribute.form == dw::DW_FORM_implicit_const) attribute.implicit = cursor.sleb();
    attributes.push_back(attribute);
  }
}

// LLVM reads these tables too, into eight places for attributes an abbreviation: that and taking them from
// there took five times as long.
enum class TableEnd { kWhole, kDamaged, kTooLong };
TableEnd read_table(const DwarfUnit& unit, DwarfReader::Cursor& cursor, DwarfAbbreviations& table) {
  // Attributes without bytes cost nothing to write and time to read, once for each entry that has them.
  constexpr std::size_t kMostAttributes = 200;
  bool too_long = false;
  while (const std::uint64_t code = cursor.uleb()) {
    DwarfAbbreviation abbreviation;
    abbreviation.tag = static_cast<std::uint16_t>(cursor.uleb());
    abbreviation.has_children = cursor.fixed(1) == dw::DW_CHILDREN_yes;
    abbreviation.first_attribute = static_cast<std::uint32_t>(table.attributes.size());
    if (abbreviation.tag == 0 || !read_attributes(cursor, table.attributes)) return TableEnd::kDamaged;
    const std::size_t count = table.attributes.size() - abbreviation.first_attribute;
    too_long |= count > kMostAttributes;
    abbreviation.attribute_count = static_cast<std::uint32_t>(count);
    precompute(unit, table, abbreviation);
    if (code == table.by_code.size() + 1) {
      table.by_code.push_back(abbreviation);
    } else {
      table.by_other_code.try_emplace(code, abbreviation);
    }
  }
  return !cursor.ok ? TableEnd::kDamaged : too_long ? TableEnd::kTooLong : TableEnd::kWhole;
}

std::string_view string_at(const SectionBytes& section, std::uint64_t offset) {
  const auto bytes = section.bytes();
  if (offset >= bytes.size()) return {};
  const char* const text = reinterpret_cast<const char*>(bytes.data()) + offset;
  constexpr std::size_t kLongest = 4096;  // names of people's C structs and fields
  return {text, ::strnlen(text, std::min<std::size_t>(bytes.size() - offset, kLongest))};
}

}  // namespace

std::int64_t DwarfReader::Cursor::sleb() {
  std::uint64_t number = 0;
  for (unsigned shift = 0; at != end;) {
    const auto byte = static_cast<std::uint64_t>(*at++);
    if (shift < 64) number |= (byte & 127) << shift;
    shift += 7;
    if (byte >= 128) continue;
    if ((byte & 64) != 0 && shift < 64) number |= ~std::uint64_t{0} << shift;
    return static_cast<std::int64_t>(number);
  }
  ok = false;
  return 0;
}

std::span<const std::byte> DwarfReader::Cursor::take(std::uint64_t size) {
  if (static_cast<std::uint64_t>(end - at) < size) {
    ok = false;
    at = end;
    return {};
  }
  const std::span<const std::byte> taken(at, size);
  at += size;
  return taken;
}

std::span<const std::byte> DwarfReader::Cursor::c_string() {
  const void* const found = at == end ? nullptr : std::memchr(at, 0, static_cast<std::size_t>(end - at));
  const auto* const nul = static_cast<const std::byte*>(found);
  if (nul == nullptr) {
    ok = false;
    at = end;
    return {};
  }
  const std::span<const std::byte> text(at, nul);
  at = nul + 1;
  return text;
}

DwarfReader::DwarfReader(const ElfFile& file, const ElfFile* alternate) {
  files_.resize(alternate != nullptr ? 2 : 1);
  load(file, 0);
  if (alternate != nullptr) load(*alternate, 1);
}

void DwarfReader::load(const ElfFile& file, std::uint32_t index) {
  Sections& sections = files_[index];
  // Only these are inflated: all of them would take twice as long for Debian's files.
  const std::array<std::pair<const char*, SectionBytes*>, 6> wanted = {{
      {".debug_info", &sections.info},
      {".debug_types", &sections.types},
      {".debug_abbrev", &sections.abbrev},
      {".debug_str", &sections.str},
      {".debug_line_str", &sections.line_str},
      {".debug_str_offsets", &sections.str_offsets},
  }};
  for (const auto& [name, to] : wanted) {
    const ElfSection* const section = file.section(name);
    std::string why;
    if (section == nullptr || section->size == 0 || !section->has_bytes) continue;
    *to = file.read(*section, why);
    if (!why.empty()) problems_.push_back(why);
  }
  // Each table is read once. Tables that begin inside one another are not a compiler's work, and would cost
  // the square of the section's size.
  sections.abbreviation_bytes_left = 2 * sections.abbrev.bytes().size() + 4096;
  sections.first_info = static_cast<std::uint32_t>(units_.size());
  load_units(index, false);
  sections.first_types = static_cast<std::uint32_t>(units_.size());
  load_units(index, true);
  sections.end = static_cast<std::uint32_t>(units_.size());
}

void DwarfReader::load_units(std::uint32_t file, bool types) {
  const auto section = (types ? files_[file].types : files_[file].info).bytes();
  Cursor cursor{section.data(), section.data() + section.size()};
  const auto offset_of = [&](const Cursor& at) { return static_cast<std::uint64_t>(at.at - section.data()); };
  constexpr std::size_t kMostUnits = 1 << 24;
  while (cursor.at != cursor.end && units_.size() < kMostUnits) {
    DwarfUnit unit;
    unit.file = file;
    unit.in_types_section = types;
    unit.offset = offset_of(cursor);
    std::uint64_t length = cursor.fixed(4);
    if (length == 0xffffffff) {
      unit.offset_size = 8;
      length = cursor.fixed(8);
    }
    if (!cursor.ok || length == 0 || length > static_cast<std::uint64_t>(cursor.end - cursor.at)) {
      problems_.push_back("damaged unit header at " + std::to_string(unit.offset) + " of .debug_info");
      return;
    }
    const Cursor next{cursor.at + length, cursor.end};
    cursor.end = cursor.at + length;
    unit.end = offset_of(next);
    unit.version = static_cast<std::uint16_t>(cursor.fixed(2));
    if (unit.version >= 5) {
      unit.kind = static_cast<std::uint8_t>(cursor.fixed(1));
      unit.address_size = static_cast<std::uint8_t>(cursor.fixed(1));
      unit.abbreviations = cursor.fixed(unit.offset_size);
      if (unit.kind == dw::DW_UT_skeleton || unit.kind == dw::DW_UT_split_compile) cursor.fixed(8);
    } else {
      unit.kind = types ? dw::DW_UT_type : dw::DW_UT_compile;
      unit.abbreviations = cursor.fixed(unit.offset_size);
      unit.address_size = static_cast<std::uint8_t>(cursor.fixed(1));
    }
    const bool type_unit = unit.kind == dw::DW_UT_type || unit.kind == dw::DW_UT_split_type;
    if (type_unit) {
      unit.signature = cursor.fixed(8);
      unit.type_entry = unit.offset + cursor.fixed(unit.offset_size);
    }
    unit.first_entry = offset_of(cursor);
    const bool known = unit.version >= 2 && unit.version <= 5 && unit.address_size <= 8;
    if (cursor.ok && known) {
      if (type_unit) by_signature_.try_emplace(unit.signature, static_cast<std::uint32_t>(units_.size()));
      units_.push_back(unit);
    } else {
      problems_.push_back("unit at " + std::to_string(unit.offset) + " of .debug_info is of an unknown kind");
      if (problems_.size() > 100) return;
    }
    cursor = next;
  }
}

std::span<const std::byte> DwarfReader::bytes(const DwarfUnit& unit) const {
  const Sections& sections = files_[unit.file];
  return (unit.in_types_section ? sections.types : sections.info).bytes().first(unit.end);
}

const DwarfAbbreviations* DwarfReader::abbreviations(const DwarfUnit& unit) {
  Sections& sections = files_[unit.file];
  // The precomputed offsets depend on these sizes too.
  const std::uint64_t key = unit.abbreviations * 256 + std::uint64_t{unit.address_size} * 16 +
                            unit.offset_size + (unit.version <= 2 ? 1U : 0U);
  const auto [at, added] = sections.abbreviations.try_emplace(key);
  if (!added) return at->second.get();

  const auto section = sections.abbrev.bytes();
  if (unit.abbreviations >= section.size() || sections.abbreviation_bytes_left == 0) return nullptr;
  const std::byte* const start = section.data() + unit.abbreviations;
  Cursor cursor{start, section.data() + section.size()};
  auto table = std::make_unique<DwarfAbbreviations>();
  const TableEnd ended = read_table(unit, cursor, *table);
  const auto used =
      static_cast<std::uint64_t>((ended == TableEnd::kDamaged ? cursor.end : cursor.at) - start);
  sections.abbreviation_bytes_left -= std::min(used, sections.abbreviation_bytes_left);
  if (ended != TableEnd::kWhole) return nullptr;
  at->second = std::move(table);
  return at->second.get();
}

DwarfReader::Cursor DwarfReader::cursor(const DwarfUnit& unit, std::uint64_t offset) const {
  const auto section = bytes(unit);
  const bool inside = offset >= unit.first_entry && offset <= section.size();
  return {section.data() + (inside ? offset : section.size()), section.data() + section.size(), inside};
}

std::uint64_t DwarfReader::offset(const DwarfUnit& unit, const Cursor& cursor) const {
  return static_cast<std::uint64_t>(cursor.at - bytes(unit).data());
}

void DwarfReader::skip(const DwarfUnit& unit, std::uint16_t form, Cursor& cursor) {
  if (const std::int32_t size = form_size(unit, form); size >= 0) {
    cursor.take(static_cast<std::uint64_t>(size));
    return;
  }
  read(unit, {0, form, 0}, cursor);
}

DwarfValue DwarfReader::read(const DwarfUnit& unit, const DwarfAttribute& attribute, Cursor& cursor) {
  DwarfValue value;
  value.form = attribute.form;
  if (value.form == dw::DW_FORM_indirect) value.form = static_cast<std::uint16_t>(cursor.uleb());
  switch (value.form) {
    case dw::DW_FORM_implicit_const:
      value.number = static_cast<std::uint64_t>(attribute.implicit);
      break;
    case dw::DW_FORM_flag_present:
      value.number = 1;
      break;
    case dw::DW_FORM_data16:
      value.block = cursor.take(16);
      break;
    case dw::DW_FORM_block1:
      value.block = cursor.take(cursor.fixed(1));
      break;
    case dw::DW_FORM_block2:
      value.block = cursor.take(cursor.fixed(2));
      break;
    case dw::DW_FORM_block4:
      value.block = cursor.take(cursor.fixed(4));
      break;
    case dw::DW_FORM_block:
    case dw::DW_FORM_exprloc:
      value.block = cursor.take(cursor.uleb());
      break;
    case dw::DW_FORM_string:
      value.block = cursor.c_string();
      break;
    case dw::DW_FORM_sdata:
      value.number = static_cast<std::uint64_t>(cursor.sleb());
      break;
    default:
      switch (const std::int32_t size = form_size(unit, value.form)) {
        case kVaries:
          value.number = cursor.uleb();
          break;
        case kUnknown:  // its size is not known, nor is therefore anything that follows
          cursor.ok = false;
          break;
        default:
          value.number = cursor.fixed(static_cast<unsigned>(size));
      }
  }
  if (!cursor.ok) value.form = 0;
  return value;
}

std::string_view DwarfReader::text(std::uint32_t unit_index, const DwarfValue& value) {
  const DwarfUnit& unit = units_[unit_index];
  const Sections& sections = files_[unit.file];
  switch (value.form) {
    case dw::DW_FORM_string:
      return {reinterpret_cast<const char*>(value.block.data()), value.block.size()};
    case dw::DW_FORM_strp:
      return string_at(sections.str, value.number);
    case dw::DW_FORM_line_strp:
      return string_at(sections.line_str, value.number);
    case dw::DW_FORM_strp_sup:
    case dw::DW_FORM_GNU_strp_alt:
      return files_.size() > 1 && unit.file == 0 ? string_at(files_[1].str, value.number)
                                                 : std::string_view{};
    case dw::DW_FORM_strx:
    case dw::DW_FORM_strx1:
    case dw::DW_FORM_strx2:
    case dw::DW_FORM_strx3:
    case dw::DW_FORM_strx4:
    case dw::DW_FORM_GNU_str_index: {
      const auto offsets = sections.str_offsets.bytes();
      const std::uint64_t base = str_offsets_base(unit);
      if (base > offsets.size() || value.number >= (offsets.size() - base) / unit.offset_size) return {};
      std::uint64_t offset = 0;
      std::memcpy(&offset, offsets.data() + base + value.number * unit.offset_size, unit.offset_size);
      return string_at(sections.str, offset);
    }
    default:
      return {};
  }
}

std::uint64_t DwarfReader::str_offsets_base(const DwarfUnit& unit) {
  const std::uint64_t key = unit.offset * 4 + std::uint64_t{unit.file} * 2 + (unit.in_types_section ? 1 : 0);
  const auto [at, added] = str_offsets_base_.try_emplace(key, 0);
  if (!added) return at->second;
  // Without the attribute the table starts after the header of the section, which DWARF 4's extension lacks.
  at->second = unit.version < 5 ? 0 : unit.offset_size == 8 ? 16 : 8;
  const DwarfAbbreviations* const table = abbreviations(unit);
  Cursor entry = cursor(unit, unit.first_entry);
  const DwarfAbbreviation* const abbreviation = table == nullptr ? nullptr : table->find(entry.uleb());
  if (abbreviation == nullptr) return at->second;
  for (const DwarfAttribute& attribute : table->attributes_of(*abbreviation)) {
    const DwarfValue value = read(unit, attribute, entry);
    if (!value) break;
    if (attribute.name == dw::DW_AT_str_offsets_base) at->second = value.number;
  }
  return at->second;
}

std::optional<std::uint32_t> DwarfReader::unit_at(std::uint32_t file, bool types,
                                                  std::uint64_t offset) const {
  if (file >= files_.size()) return std::nullopt;
  const Sections& sections = files_[file];
  const auto first = units_.begin() + (types ? sections.first_types : sections.first_info);
  const auto last = units_.begin() + (types ? sections.end : sections.first_types);
  const auto after = std::upper_bound(
      first, last, offset, [](std::uint64_t at, const DwarfUnit& unit) { return at < unit.offset; });
  if (after == first || offset >= (after - 1)->end) return std::nullopt;
  return static_cast<std::uint32_t>(after - 1 - units_.begin());
}

std::optional<DwarfPlace> DwarfReader::place(std::uint32_t unit_index, const DwarfValue& value) {
  const DwarfUnit& unit = units_[unit_index];
  switch (value.form) {
    case dw::DW_FORM_ref1:
    case dw::DW_FORM_ref2:
    case dw::DW_FORM_ref4:
    case dw::DW_FORM_ref8:
    case dw::DW_FORM_ref_udata:
      if (value.number >= unit.end - unit.offset) return std::nullopt;
      return DwarfPlace{unit_index, unit.offset + value.number};
    case dw::DW_FORM_ref_addr:
    case dw::DW_FORM_GNU_ref_alt:
    case dw::DW_FORM_ref_sup4:
    case dw::DW_FORM_ref_sup8: {
      const std::uint32_t file = value.form == dw::DW_FORM_ref_addr ? unit.file : unit.file + 1;
      const auto found = unit_at(file, false, value.number);
      if (!found) return std::nullopt;
      return DwarfPlace{*found, value.number};
    }
    case dw::DW_FORM_ref_sig8: {
      const auto found = by_signature_.find(value.number);
      if (found == by_signature_.end()) return std::nullopt;
      return DwarfPlace{found->second, units_[found->second].type_entry};
    }
    default:
      return std::nullopt;
  }
}

std::optional<std::uint64_t> DwarfReader::constant(const DwarfValue& value) {
  switch (value.form) {
    case dw::DW_FORM_data1:
    case dw::DW_FORM_data2:
    case dw::DW_FORM_data4:
    case dw::DW_FORM_data8:
    case dw::DW_FORM_udata:
    case dw::DW_FORM_sdata:
    case dw::DW_FORM_implicit_const:
    case dw::DW_FORM_flag:
    case dw::DW_FORM_flag_present:
      return value.number;
    default:
      return std::nullopt;
  }
}

}  // namespace heapglass
