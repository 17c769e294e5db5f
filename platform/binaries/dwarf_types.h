// What the types of debugging information come down to: structs, with the places of their members.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llvm/BinaryFormat/Dwarf.h"
#include "platform/binaries/dwarf_reader.h"
#include "platform/binaries/dwarf_structs.h"

namespace heapglass {

// The attributes of one entry that matter here.
struct DwarfEntry {
  std::uint16_t tag = 0;
  bool has_children = false;
  bool declaration = false;  // has no members here
  bool external = false;     // a static member of C++
  DwarfValue name, type, sibling, signature;
  DwarfValue byte_size, bit_size, data_bit_offset, bit_offset, location, count, upper_bound;
  std::uint64_t after = 0;  // offset of what follows: the first child, or the next entry
};

struct DwarfComposite;

// What the type of a member comes down to.
struct DwarfType {
  std::uint64_t size = 0;
  DwarfComposite* composite = nullptr;  // of it, or of its array's elements
  unsigned dimensions = 0;
};

struct DwarfMember {
  std::string_view name;  // "": anonymous
  std::uint64_t offset = 0;
  std::uint32_t bit_offset = 0;  // bits from `offset`; may be more than 7
  std::uint32_t bit_size = 0;
  DwarfType type;
};

struct DwarfComposite {
  DwarfPlace place;
  std::uint64_t size = 0;
  std::uint64_t first_child = 0;  // 0: no members
  bool loaded = false;
  std::vector<DwarfMember> members;
};

// Reads the types of entries, each struct once.
class DwarfTypeReader {
 public:
  explicit DwarfTypeReader(DwarfReader& dwarf);

  std::optional<DwarfEntry> entry(const DwarfPlace& place);
  struct Definition {
    DwarfPlace place;
    DwarfEntry entry;
    std::uint64_t size() const { return DwarfReader::constant(entry.byte_size).value_or(0); }
  };
  // The struct that is defined at `place`, perhaps by way of typedefs. Where it is only declared there:
  // nullopt, and `tag` is its name.
  std::optional<Definition> definition(DwarfPlace place, std::string_view& tag);
  DwarfComposite* composite(const DwarfPlace& place, const DwarfEntry& entry);
  const std::vector<DwarfMember>& members(DwarfComposite& composite);

 private:
  DwarfType type(DwarfPlace place);
  std::uint64_t elements(const DwarfPlace& array, const DwarfEntry& entry, unsigned& dimensions);
  bool read_member(const DwarfPlace& place, const DwarfEntry& entry, DwarfMember& member);
  std::optional<std::uint64_t> next_sibling(const DwarfPlace& place, const DwarfEntry& entry);

  DwarfReader& dwarf_;
  std::uint64_t work_left_;
  std::unordered_map<DwarfPlace, std::unique_ptr<DwarfComposite>, DwarfPlaceHash> composites_;
};

// Asked of every entry.
inline bool is_struct(std::uint16_t tag) {
  return tag == llvm::dwarf::DW_TAG_structure_type || tag == llvm::dwarf::DW_TAG_union_type ||
         tag == llvm::dwarf::DW_TAG_class_type;
}

// All fields of a struct, outer ones first, so that a limit cuts off the most deeply nested (`cut`). Members
// of members as `outer.inner`, down to `depth`.
StructLayout flatten(DwarfTypeReader& types, DwarfComposite& top, unsigned depth, bool& cut);

}  // namespace heapglass
