#include "platform/dwarf_structs.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "llvm/BinaryFormat/Dwarf.h"
#include "platform/dwarf_reader.h"

namespace heapglass {

namespace dw = llvm::dwarf;

namespace {

constexpr std::uint64_t kWork = 100'000'000;  // attributes read for their types in one load: a second or so
constexpr unsigned kTypeHops = 64;  // typedefs, consts and array dimensions from a member to its struct
constexpr std::size_t kLongestField = 256;

bool is_struct(std::uint16_t tag) {
  return tag == dw::DW_TAG_structure_type || tag == dw::DW_TAG_union_type || tag == dw::DW_TAG_class_type;
}

// An array's bytes; 0 where the file states more than an address space holds.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? 0 : product;
}

// The attributes of one entry that matter here.
struct Entry {
  std::uint16_t tag = 0;
  bool has_children = false;
  bool declaration = false;  // has no members here
  bool external = false;     // a static member of C++
  DwarfValue name, type, sibling, signature;
  DwarfValue byte_size, bit_size, data_bit_offset, bit_offset, location, count, upper_bound;
  std::uint64_t after = 0;  // offset of what follows: the first child, or the next entry
};

struct Composite;

// What the type of a member comes down to.
struct Type {
  std::uint64_t size = 0;
  Composite* composite = nullptr;  // of it, or of its array's elements
  unsigned dimensions = 0;
};

struct Member {
  std::string_view name;  // "": anonymous
  std::uint64_t offset = 0;
  std::uint32_t bit_offset = 0;  // bits from `offset`; may be more than 7
  std::uint32_t bit_size = 0;
  Type type;
};

struct Composite {
  DwarfPlace place;
  std::uint64_t size = 0;
  std::uint64_t first_child = 0;  // 0: no members
  bool loaded = false;
  std::vector<Member> members;
};

// Reads the types of entries, each struct once.
class TypeReader {
 public:
  explicit TypeReader(DwarfReader& dwarf) : dwarf_(dwarf) {}

  std::optional<Entry> entry(const DwarfPlace& place);
  struct Definition {
    DwarfPlace place;
    Entry entry;
    std::uint64_t size() const { return DwarfReader::constant(entry.byte_size).value_or(0); }
  };
  // The struct that is defined at `place`, perhaps by way of typedefs. Where it is only declared there:
  // nullopt, and `tag` is its name.
  std::optional<Definition> definition(DwarfPlace place, std::string_view& tag);
  Composite* composite(const DwarfPlace& place, const Entry& entry);
  const std::vector<Member>& members(Composite& composite);

 private:
  Type type(DwarfPlace place);
  std::uint64_t elements(const DwarfPlace& array, const Entry& entry, unsigned& dimensions);
  bool read_member(const DwarfPlace& place, const Entry& entry, Member& member);
  std::optional<std::uint64_t> next_sibling(const DwarfPlace& place, const Entry& entry);

  DwarfReader& dwarf_;
  std::uint64_t work_left_ = kWork;
  std::unordered_map<DwarfPlace, std::unique_ptr<Composite>, DwarfPlaceHash> composites_;
};

std::optional<Entry> TypeReader::entry(const DwarfPlace& place) {
  const DwarfUnit& unit = dwarf_.units()[place.unit];
  const DwarfAbbreviations* const table = dwarf_.abbreviations(unit);
  if (table == nullptr) return std::nullopt;
  DwarfReader::Cursor cursor = dwarf_.cursor(unit, place.offset);
  const std::uint64_t code = cursor.uleb();
  Entry entry;
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

Composite* TypeReader::composite(const DwarfPlace& place, const Entry& entry) {
  const auto [at, added] = composites_.try_emplace(place);
  if (added) {
    at->second = std::make_unique<Composite>();
    at->second->place = place;
    at->second->size = DwarfReader::constant(entry.byte_size).value_or(0);
    if (entry.has_children) at->second->first_child = entry.after;
  }
  return at->second.get();
}

std::optional<TypeReader::Definition> TypeReader::definition(DwarfPlace place, std::string_view& tag) {
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
std::optional<std::uint64_t> TypeReader::next_sibling(const DwarfPlace& place, const Entry& entry) {
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

std::uint64_t TypeReader::elements(const DwarfPlace& array, const Entry& of_array, unsigned& dimensions) {
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

Type TypeReader::type(DwarfPlace place) {
  std::uint64_t count = 1;
  Type out;
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

bool TypeReader::read_member(const DwarfPlace& place, const Entry& entry, Member& member) {
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

const std::vector<Member>& TypeReader::members(Composite& composite) {
  if (composite.loaded) return composite.members;
  composite.loaded = true;
  DwarfPlace at{composite.place.unit, composite.first_child};
  while (at.offset != 0) {
    const auto child = entry(at);
    if (!child || child->tag == 0) break;
    Member member;
    if (read_member(at, *child, member)) composite.members.push_back(member);
    const auto next = next_sibling(at, *child);
    if (!next) break;
    at.offset = *next;
  }
  return composite.members;
}

// All fields of a struct, outer ones first, so that a limit cuts off the most deeply nested.
StructLayout flatten(TypeReader& types, Composite& top, unsigned depth, bool& cut) {
  struct Part {
    Composite* composite;
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
      for (const Member& member : types.members(*part.composite)) {
        if (members_left == 0 || out.fields.size() >= DwarfStructs::kFieldsOfAStruct) {
          cut = true;
          return out;
        }
        --members_left;
        const std::uint64_t offset = part.offset + member.offset;
        const Type& type = member.type;
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

// One search of all units for structs and typedefs of given names.
class Search {
 public:
  Search(DwarfReader& dwarf, TypeReader& types) : dwarf_(dwarf), types_(types) {}

  struct Found {
    Composite* composite = nullptr;
    std::string declared_tag;  // the name is a typedef of this struct, of which no definition was found yet
    bool ambiguous = false;
  };

  // The keys are the names; whoever adds one keeps its characters.
  std::unordered_map<std::string_view, Found> found;

  void run() {
    for (const auto& [name, unused] : found) starts_.insert(start(name));
    for (std::uint32_t unit = 0; unit < dwarf_.units().size(); ++unit) walk(unit);
  }
  std::size_t damaged_units() const { return damaged_; }
  std::size_t split_units() const { return split_; }

 private:
  static std::uint16_t start(std::string_view name) {
    return static_cast<std::uint16_t>((name.empty() ? 0 : static_cast<unsigned char>(name[0])) |
                                      (name.size() < 2 ? 0 : static_cast<unsigned char>(name[1]) << 8));
  }
  void walk(std::uint32_t index);
  void look(std::uint32_t unit, std::uint64_t offset, std::uint16_t tag, const DwarfValue& name);

  struct Starts {
    std::vector<bool> bits = std::vector<bool>(1 << 16);
    void insert(std::uint16_t at) { bits[at] = true; }
    bool contains(std::uint16_t at) const { return bits[at]; }
  };

  DwarfReader& dwarf_;
  TypeReader& types_;
  Starts starts_;  // the first two characters of all names: most entries need no hash
  std::size_t damaged_ = 0;
  std::size_t split_ = 0;
};

// Visits the top-level entries of a unit, jumping over what is below them.
void Search::walk(std::uint32_t index) {
  const DwarfUnit& unit = dwarf_.units()[index];
  const DwarfAbbreviations* const table = dwarf_.abbreviations(unit);
  DwarfReader::Cursor cursor = dwarf_.cursor(unit, unit.first_entry);
  const std::byte* const section = dwarf_.bytes(unit).data();
  if (table == nullptr) {
    ++damaged_;
    return;
  }
  std::uint64_t depth = 0;
  do {
    const std::uint64_t offset = static_cast<std::uint64_t>(cursor.at - section);
    const std::uint64_t code = cursor.uleb();
    if (code == 0) {  // the end of a list of children, or padding after the unit's only entry
      if (depth <= 1) return;
      --depth;
      continue;
    }
    const DwarfAbbreviation* const abbreviation = table->find(code);
    if (abbreviation == nullptr) break;
    const bool wanted =
        depth == 1 && (is_struct(abbreviation->tag) || abbreviation->tag == dw::DW_TAG_typedef);
    const auto attributes = table->attributes_of(*abbreviation);
    if (depth == 0 && std::ranges::any_of(attributes, [](const DwarfAttribute& attribute) {
          return attribute.name == dw::DW_AT_dwo_name || attribute.name == dw::DW_AT_GNU_dwo_name;
        })) {
      ++split_;
    }
    // Where the place of the attributes is known beforehand they are not read one by one.
    const auto at = [&](std::int32_t attribute) {
      return DwarfReader::Cursor{cursor.at + attribute, cursor.end};
    };
    const bool inside = abbreviation->least_size <= static_cast<std::size_t>(cursor.end - cursor.at);
    if (!inside) break;
    DwarfValue name;
    std::uint64_t sibling = 0;
    bool name_known = !wanted;
    if (wanted && abbreviation->name_at >= 0) {
      DwarfReader::Cursor name_cursor = at(abbreviation->name_at);
      name = DwarfReader::read(unit, {0, abbreviation->name_form, 0}, name_cursor);
      name_known = true;
    }
    if (abbreviation->has_children && depth != 0 && abbreviation->sibling_at >= 0) {
      sibling = DwarfReader::sibling(unit, abbreviation->sibling_form, at(abbreviation->sibling_at));
    }
    const bool jump = sibling > offset && name_known;
    if (abbreviation->size >= 0) {
      cursor.at += abbreviation->size;
    } else if (!jump) {
      for (const DwarfAttribute& attribute : attributes) {
        if (attribute.name == dw::DW_AT_name && wanted) {
          name = DwarfReader::read(unit, attribute, cursor);
        } else {
          if (attribute.name == dw::DW_AT_sibling)
            sibling = DwarfReader::sibling(unit, attribute.form, cursor);
          DwarfReader::skip(unit, attribute.form, cursor);
        }
      }
      if (!cursor.ok) break;
    }
    if (name) look(index, offset, abbreviation->tag, name);
    if (!abbreviation->has_children) continue;
    // Only forwards: otherwise a damaged file could have us go in circles.
    if (depth != 0 && sibling > offset) {
      cursor.at = std::max(cursor.at, section + sibling);
    } else {
      ++depth;
    }
  } while (depth != 0 && cursor.at != cursor.end);
  if (!cursor.ok || depth > 1) ++damaged_;
}

void Search::look(std::uint32_t unit, std::uint64_t offset, std::uint16_t tag, const DwarfValue& name_value) {
  const std::string_view name = dwarf_.text(unit, name_value);
  if (!starts_.contains(start(name))) return;
  const auto at = found.find(name);
  if (at == found.end()) return;
  Found& state = at->second;
  if (state.ambiguous) return;
  std::string_view declared;
  const auto definition = types_.definition({unit, offset}, declared);
  if (!definition) {
    if (tag == dw::DW_TAG_typedef && state.declared_tag.empty()) state.declared_tag = declared;
  } else if (state.composite == nullptr) {
    state.composite = types_.composite(definition->place, definition->entry);
  } else if (state.composite->size != definition->size()) {
    state.ambiguous = true;  // of most names, each of many units has the same definition
  }
}

// Resolves the typedefs of structs that are declared in one unit and defined in another. Usually the defining
// unit has the typedef too, and nothing is left to do.
void resolve_declared(DwarfReader& dwarf, TypeReader& types, Search& search) {
  Search second(dwarf, types);
  for (const auto& [name, state] : search.found) {
    if (state.composite == nullptr && !state.declared_tag.empty())
      second.found.try_emplace(state.declared_tag);
  }
  if (second.found.empty()) return;
  second.run();
  for (auto& [name, state] : search.found) {
    const auto at = second.found.find(state.declared_tag);
    if (state.composite != nullptr || at == second.found.end()) continue;
    state.composite = at->second.composite;
    state.ambiguous = at->second.ambiguous;
  }
}

}  // namespace

std::unique_ptr<DwarfStructs> DwarfStructs::read(const ElfFile& file, const ElfFile* alternate,
                                                 std::span<const WantedStruct> wanted, std::string& why) {
  const ElfSection* const info = file.section(".debug_info");
  if (info == nullptr || !info->has_bytes) {
    why = file.name() + " has no debug information";
    return nullptr;
  }
  if (file.relocatable()) {
    why = file.name() + " is not linked";  // its offsets into .debug_str still need the linker
    return nullptr;
  }
  DwarfReader dwarf(file, alternate);
  if (dwarf.units().empty()) {
    why = file.name() + ": its debug information cannot be read";
    if (!dwarf.problems().empty()) why += ": " + dwarf.problems().front();
    return nullptr;
  }
  std::unique_ptr<DwarfStructs> out(new DwarfStructs);
  out->description_ = "DWARF of " + file.name();
  out->problems_ = dwarf.problems();
  if (alternate == nullptr && file.debug_alt_link()) {
    out->problems_.push_back(
        file.name() + " refers to " + file.debug_alt_link()->name +
        " (made by dwz -m), which was not found: structs that are only there are missing");
  }

  TypeReader types(dwarf);
  Search search(dwarf, types);
  for (const WantedStruct& want : wanted) search.found.try_emplace(want.name);
  search.run();
  resolve_declared(dwarf, types, search);

  for (const WantedStruct& want : wanted) {
    const Search::Found& state = search.found.at(want.name);
    if (state.composite == nullptr) continue;
    bool cut = false;
    out->structs_.try_emplace(want.name, flatten(types, *state.composite, want.depth, cut));
    if (cut) out->problems_.push_back(want.name + " has too many fields: the deepest are left out");
    if (state.ambiguous) out->problems_.push_back(want.name + " has several definitions of different size");
  }
  if (search.damaged_units() > 0) {
    out->problems_.push_back(std::to_string(search.damaged_units()) + " damaged units in " + file.name());
  }
  if (search.split_units() > 0) {
    out->problems_.push_back(file.name() + " has left the debug information of " +
                             std::to_string(search.split_units()) +
                             " units to .dwo files, which are not read");
  }
  return out;
}

std::unique_ptr<DwarfStructs> DwarfStructs::load(const std::shared_ptr<const ElfFile>& file,
                                                 std::span<const WantedStruct> wanted,
                                                 const DebugFileSearch& search, std::string& why) {
  std::shared_ptr<const ElfFile> with_dwarf = file;
  const ElfSection* const info = file->section(".debug_info");
  if (info == nullptr || !info->has_bytes) {
    const DebugFile separate = find_debug_file(*file, search);
    if (separate.file == nullptr) {
      why = file->name() + " has no debug information, and " + separate.description;
      return nullptr;
    }
    with_dwarf = separate.file;
  }
  const DebugFile alternate = find_alt_file(*with_dwarf, search);
  auto out = read(*with_dwarf, alternate.file.get(), wanted, why);
  if (out != nullptr && alternate.file == nullptr && !alternate.description.empty()) {
    out->problems_.push_back(alternate.description);
  }
  return out;
}

std::unique_ptr<DwarfStructs> DwarfStructs::load(const std::shared_ptr<const ElfFile>& file,
                                                 const std::vector<std::string>& names) {
  std::vector<WantedStruct> wanted;
  for (const std::string& name : names) wanted.push_back({name});
  std::string unused;
  return load(file, wanted, DebugFileSearch{}, unused);
}

const StructLayout* DwarfStructs::find(std::string_view name) const {
  const auto found = structs_.find(name);
  return found == structs_.end() ? nullptr : &found->second;
}

}  // namespace heapglass
