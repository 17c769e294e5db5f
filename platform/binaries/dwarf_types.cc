#include "platform/binaries/dwarf_types.h"

#include <utility>

namespace heapglass {

namespace dw = llvm::dwarf;

namespace {

constexpr std::uint64_t kWork = 100'000'000;  // attributes read for their types in one load: a second or so
constexpr unsigned kTypeHops = 64;  // typedefs, consts and array dimensions from a member to its struct
constexpr std::size_t kLongestField = 256;

// An array's bytes; 0 where the file states more than an address space holds.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? 0 : product;
}

}  // namespace

DwarfTypeReader::DwarfTypeReader(DwarfReader& dwarf) : dwarf_(dwarf), work_left_(kWork) {}

std::optional<DwarfEntry> DwarfTypeReader::entry(const DwarfPlace& place) {
  const DwarfUnit& unit = dwarf_.units()[place.unit];
  const DwarfAbbreviations* const table = dwarf_.abbreviations(unit);
  if (table == nullptr) return std::nullopt;
  DwarfReader::Cursor cursor = dwarf_.cursor(unit, place.offset);
  const std::uint64_t code = cursor.uleb();
  DwarfEntry entry;
  if (!cursor.ok) return std::nullopt;
  if (code != 0) {
    const DwarfAbbreviation* const abbreviation = table->find(code);
    if (abbreviation == nullptr) return std::nullopt;
    if (work_left_ < abbreviation->attribute_count + 1) return std::nullopt;
    work_left_ -= abbreviation->attribute_count + 1;
    entry.tag = abbreviation->tag;
    entry.has_children = abbreviation->has_children;
    for (const DwarfAttribute& attribute : table->attributes_of(*abbreviation)) {
      DwarfValue* to = nullptr;
      switch (attribute.name) {
        case dw::DW_AT_name:
          to = &entry.name;
          break;
        case dw::DW_AT_type:
          to = &entry.type;
          break;
        case dw::DW_AT_sibling:
          to = &entry.sibling;
          break;
        case dw::DW_AT_signature:
          to = &entry.signature;
          break;
        case dw::DW_AT_byte_size:
          to = &entry.byte_size;
          break;
        case dw::DW_AT_bit_size:
          to = &entry.bit_size;
          break;
        case dw::DW_AT_data_bit_offset:
          to = &entry.data_bit_offset;
          break;
        case dw::DW_AT_bit_offset:
          to = &entry.bit_offset;
          break;
        case dw::DW_AT_data_member_location:
          to = &entry.location;
          break;
        case dw::DW_AT_count:
          to = &entry.count;
          break;
        case dw::DW_AT_upper_bound:
          to = &entry.upper_bound;
          break;
        case dw::DW_AT_declaration:
          entry.declaration = true;
          break;
        case dw::DW_AT_external:
          entry.external = true;
          break;
        default:
          break;
      }
      if (to == nullptr) {
        DwarfReader::skip(unit, attribute.form, cursor);
      } else {
        *to = DwarfReader::read(unit, attribute, cursor);
      }
      if (!cursor.ok) return std::nullopt;
    }
  }
  entry.after = dwarf_.offset(unit, cursor);
  return entry;
}

DwarfComposite* DwarfTypeReader::composite(const DwarfPlace& place, const DwarfEntry& entry) {
  const auto [at, added] = composites_.try_emplace(place);
  if (added) {
    at->second = std::make_unique<DwarfComposite>();
    at->second->place = place;
    at->second->size = DwarfReader::constant(entry.byte_size).value_or(0);
    if (entry.has_children) at->second->first_child = entry.after;
  }
  return at->second.get();
}

std::optional<DwarfTypeReader::Definition> DwarfTypeReader::definition(DwarfPlace place,
                                                                       std::string_view& tag) {
  for (unsigned hop = 0; hop < kTypeHops; ++hop) {
    const auto found = entry(place);
    if (!found) return std::nullopt;
    std::optional<DwarfPlace> next;
    if (is_struct(found->tag)) {
      next = dwarf_.place(place.unit, found->signature);  // it is in a type unit
      if (!next && !found->declaration && !found->signature) return Definition{place, *found};
      tag = dwarf_.text(place.unit, found->name);
    } else if (found->tag == dw::DW_TAG_typedef || found->tag == dw::DW_TAG_const_type ||
               found->tag == dw::DW_TAG_volatile_type || found->tag == dw::DW_TAG_atomic_type) {
      next = dwarf_.place(place.unit, found->type);
    }
    if (!next) return std::nullopt;
    place = *next;
  }
  return std::nullopt;
}

// The offset of the entry after `entry` and all below it.
std::optional<std::uint64_t> DwarfTypeReader::next_sibling(const DwarfPlace& place, const DwarfEntry& entry) {
  if (!entry.has_children) return entry.after;
  // Only forwards: otherwise a damaged file could have us go in circles.
  const auto sibling = dwarf_.place(place.unit, entry.sibling);
  if (sibling && sibling->unit == place.unit && sibling->offset >= entry.after) return sibling->offset;
  DwarfPlace at{place.unit, entry.after};
  for (std::uint64_t depth = 1; depth != 0;) {
    const auto child = this->entry(at);
    if (!child) return std::nullopt;
    if (child->tag == 0) --depth;
    if (child->has_children) ++depth;
    at.offset = child->after;
  }
  return at.offset;
}

std::uint64_t DwarfTypeReader::elements(const DwarfPlace& array, const DwarfEntry& of_array,
                                        unsigned& dimensions) {
  std::uint64_t count = 1;
  DwarfPlace at{array.unit, of_array.after};
  while (of_array.has_children) {
    const auto child = entry(at);
    if (!child || child->tag == 0) break;
    if (child->tag == dw::DW_TAG_subrange_type) {
      ++dimensions;
      const auto stated = DwarfReader::constant(child->count);
      const auto last = DwarfReader::constant(child->upper_bound);
      // "char ob_sval[]" has neither; old compilers say -1 for [0].
      count = times(count, stated ? *stated : last ? *last + 1 : 0);
    }
    const auto next = next_sibling(at, *child);
    if (!next) break;
    at.offset = *next;
  }
  return count;
}

DwarfType DwarfTypeReader::type(DwarfPlace place) {
  std::uint64_t count = 1;
  DwarfType out;
  const auto sized = [&](std::uint64_t size) {
    out.size = times(size, count);
    return out;
  };
  for (unsigned hop = 0; hop < kTypeHops; ++hop) {
    const auto found = entry(place);
    if (!found) return sized(0);
    const auto size = DwarfReader::constant(found->byte_size);
    std::optional<DwarfPlace> next = dwarf_.place(place.unit, found->type);
    switch (found->tag) {
      case dw::DW_TAG_structure_type:
      case dw::DW_TAG_union_type:
      case dw::DW_TAG_class_type:
        if (found->signature) {
          next = dwarf_.place(place.unit, found->signature);
          break;
        }
        out.composite = found->declaration ? nullptr : composite(place, *found);
        return sized(size.value_or(0));
      case dw::DW_TAG_pointer_type:
      case dw::DW_TAG_reference_type:
      case dw::DW_TAG_rvalue_reference_type:
        return sized(size.value_or(dwarf_.units()[place.unit].address_size));
      case dw::DW_TAG_array_type:
        count = times(count, elements(place, *found, out.dimensions));
        break;
      case dw::DW_TAG_typedef:
      case dw::DW_TAG_const_type:
      case dw::DW_TAG_volatile_type:
      case dw::DW_TAG_restrict_type:
      case dw::DW_TAG_atomic_type:
        break;
      default:
        if (size) return sized(*size);  // an enumeration may leave its size to the type it has
    }
    if (!next) return sized(size.value_or(0));
    place = *next;
  }
  return sized(0);
}

bool DwarfTypeReader::read_member(const DwarfPlace& place, const DwarfEntry& entry, DwarfMember& member) {
  if (entry.tag != dw::DW_TAG_member && entry.tag != dw::DW_TAG_inheritance) return false;
  if (entry.external || entry.declaration) return false;
  member.name = dwarf_.text(place.unit, entry.name);
  if (member.name.size() > kLongestField) return false;
  if (const auto type_place = dwarf_.place(place.unit, entry.type)) member.type = type(*type_place);

  if (const auto at = DwarfReader::constant(entry.location)) {
    member.offset = *at;
  } else if (!entry.location.block.empty()) {
    // DWARF 2: an expression, always "add this constant" for a plain member.
    const auto block = entry.location.block;
    DwarfReader::Cursor cursor{block.data(), block.data() + block.size()};
    if (cursor.fixed(1) != dw::DW_OP_plus_uconst) return false;
    member.offset = cursor.uleb();
  }

  const auto bits = DwarfReader::constant(entry.bit_size);
  if (!bits) return true;
  constexpr std::uint64_t kWidestBitField = 128;
  if (*bits == 0 || *bits > kWidestBitField) return false;
  std::uint64_t first = 0;
  if (const auto from_start = DwarfReader::constant(entry.data_bit_offset)) {
    first = *from_start;
  } else if (const auto from_top = DwarfReader::constant(entry.bit_offset)) {
    // Before DWARF 4: counted from the most significant bit of a storage unit at `offset`.
    const std::uint64_t storage = DwarfReader::constant(entry.byte_size).value_or(member.type.size) * 8;
    if (storage < *from_top + *bits) return false;
    first = storage - *from_top - *bits;
  }
  member.bit_size = static_cast<std::uint32_t>(*bits);
  member.offset += first / 8;
  member.bit_offset = static_cast<std::uint32_t>(first % 8);
  member.type = {(member.bit_offset + *bits + 7) / 8, nullptr, 0};
  return true;
}

const std::vector<DwarfMember>& DwarfTypeReader::members(DwarfComposite& composite) {
  if (composite.loaded) return composite.members;
  composite.loaded = true;
  DwarfPlace at{composite.place.unit, composite.first_child};
  while (at.offset != 0) {
    const auto child = entry(at);
    if (!child || child->tag == 0) break;
    DwarfMember member;
    if (read_member(at, *child, member)) composite.members.push_back(member);
    const auto next = next_sibling(at, *child);
    if (!next) break;
    at.offset = *next;
  }
  return composite.members;
}

StructLayout flatten(DwarfTypeReader& types, DwarfComposite& top, unsigned depth, bool& cut) {
  struct Part {
    DwarfComposite* composite;
    std::string prefix;
    std::uint64_t offset;
  };
  StructLayout out;
  out.size = top.size;
  std::vector<Part> level = {{&top, "", 0}};
  // Anonymous members add no fields, so counting fields alone would not end the flattening of a struct that
  // claims to contain itself.
  std::size_t members_left = 8 * DwarfStructs::kFieldsOfAStruct;
  for (unsigned nested = 0; nested <= depth && !level.empty(); ++nested) {
    std::vector<Part> below;
    for (std::size_t i = 0; i < level.size(); ++i) {  // grows by the anonymous members of itself
      const Part part = level[i];
      for (const DwarfMember& member : types.members(*part.composite)) {
        if (members_left == 0 || out.fields.size() >= DwarfStructs::kFieldsOfAStruct) {
          cut = true;
          return out;
        }
        --members_left;
        const std::uint64_t offset = part.offset + member.offset;
        const DwarfType& type = member.type;
        if (member.name.empty()) {
          if (type.composite != nullptr && type.dimensions == 0) {
            level.push_back({type.composite, part.prefix, offset});
          }
          continue;
        }
        std::string path = part.prefix + std::string(member.name);
        out.fields.try_emplace(path, FieldLayout{offset, type.size, member.bit_offset, member.bit_size});
        if (type.composite == nullptr) continue;
        if (type.dimensions > 0) {
          for (unsigned i_dimension = 0; i_dimension < type.dimensions; ++i_dimension) path += "[0]";
          out.fields.try_emplace(path, FieldLayout{offset, type.composite->size, 0, 0});
        }
        if (nested < depth) below.push_back({type.composite, path + ".", offset});
      }
    }
    level = std::move(below);
  }
  return out;
}

}  // namespace heapglass
