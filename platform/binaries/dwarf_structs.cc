#include "platform/binaries/dwarf_structs.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "llvm/BinaryFormat/Dwarf.h"
#include "platform/binaries/dwarf_reader.h"
#include "platform/binaries/dwarf_types.h"

namespace heapglass {

namespace dw = llvm::dwarf;

namespace {

// One search of all units for structs and typedefs of given names.
class Search {
 public:
  Search(DwarfReader& dwarf, DwarfTypeReader& types) : dwarf_(dwarf), types_(types) {}

  struct Found {
    DwarfComposite* composite = nullptr;
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
  DwarfTypeReader& types_;
  Starts starts_;  // the first two characters of all names: most entries need no hash
  std::size_t damaged_ = 0;
  std::size_t split_ = 0;
};

// A unit whose entries are in a file of their own (-gsplit-dwarf).
template <class Attributes>
bool is_split_unit(const Attributes& attributes) {
  return std::ranges::any_of(attributes, [](const DwarfAttribute& attribute) {
    return attribute.name == dw::DW_AT_dwo_name || attribute.name == dw::DW_AT_GNU_dwo_name;
  });
}

// Moves the cursor behind an entry's attributes, and takes its name, where that is wanted, and its sibling.
template <class Attributes>
void read_one_by_one(const DwarfUnit& unit, const Attributes& attributes, DwarfReader::Cursor& cursor,
                     DwarfValue* name, std::uint64_t& sibling) {
  for (const DwarfAttribute& attribute : attributes) {
    if (attribute.name == dw::DW_AT_name && name) {
      *name = DwarfReader::read(unit, attribute, cursor);
    } else {
      if (attribute.name == dw::DW_AT_sibling) sibling = DwarfReader::sibling(unit, attribute.form, cursor);
      DwarfReader::skip(unit, attribute.form, cursor);
    }
  }
}

struct Entry {
  std::uint64_t offset = 0;
  bool top = false;     // of the unit itself
  bool wanted = false;  // its name is asked for
};

// Returns the entry's name and its sibling, and moves the cursor behind its attributes, or leaves it where it
// is when the sibling is all that is needed.
template <class Attributes>
DwarfValue read_entry(const DwarfUnit& unit, const DwarfAbbreviation& abbreviation,
                      const Attributes& attributes, const Entry& entry, DwarfReader::Cursor& cursor,
                      std::uint64_t& sibling) {
  // Where the place of the attributes is known beforehand they are not read one by one.
  const auto at = [&](std::int32_t attribute) {
    return DwarfReader::Cursor{cursor.at + attribute, cursor.end};
  };
  DwarfValue name;
  bool name_known = !entry.wanted;
  if (entry.wanted && abbreviation.name_at >= 0) {
    DwarfReader::Cursor name_cursor = at(abbreviation.name_at);
    name = DwarfReader::read(unit, {0, abbreviation.name_form, 0}, name_cursor);
    name_known = true;
  }
  if (abbreviation.has_children && !entry.top && abbreviation.sibling_at >= 0)
    sibling = DwarfReader::sibling(unit, abbreviation.sibling_form, at(abbreviation.sibling_at));
  const bool jump = sibling > entry.offset && name_known;
  if (abbreviation.size >= 0)
    cursor.at += abbreviation.size;
  else if (!jump)
    read_one_by_one(unit, attributes, cursor, entry.wanted ? &name : nullptr, sibling);
  return name;
}

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
    if (depth == 0 && is_split_unit(attributes)) ++split_;
    const bool inside = abbreviation->least_size <= static_cast<std::size_t>(cursor.end - cursor.at);
    if (!inside) break;
    std::uint64_t sibling = 0;
    const DwarfValue name =
        read_entry(unit, *abbreviation, attributes, {.offset = offset, .top = depth == 0, .wanted = wanted},
                   cursor, sibling);
    if (!cursor.ok) break;
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
void resolve_declared(DwarfReader& dwarf, DwarfTypeReader& types, Search& search) {
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

  DwarfTypeReader types(dwarf);
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
  wanted.reserve(names.size());
  for (const std::string& name : names) wanted.push_back({name});
  std::string unused;
  return load(file, wanted, DebugFileSearch{}, unused);
}

const StructLayout* DwarfStructs::find(std::string_view name) const {
  const auto found = structs_.find(name);
  return found == structs_.end() ? nullptr : &found->second;
}

}  // namespace heapglass
