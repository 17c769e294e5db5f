// StructSource of the DWARF debug information of an ELF file or of its separate debug file.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/target/structs.h"
#include "platform/binaries/debug_files.h"
#include "platform/binaries/elf_file.h"

namespace heapglass {

struct WantedStruct {
  std::string name;    // a tag ("_is") or a typedef ("PyInterpreterState")
  unsigned depth = 4;  // how many named structs deep fields are listed; deeper ones only as a whole
};

// Beyond what structs.h says of FieldLayout:
//  - A nested struct or union has a row of its own besides those of its fields: "ob_base" and
//  "ob_base.ob_type".
//  - An array of structs has a row for its first element, whose size is the stride: "generations[0]".
//  - `size` of a bit-field is the number of bytes, from `offset` on, that hold all of its bits.
class DwarfStructs : public StructSource {
 public:
  static constexpr std::size_t kFieldsOfAStruct = 20'000;  // of the rest, the most deeply nested are left out

  // Reads the DWARF of `file`; where it has none, that of its separate debug file. nullptr and `why` where
  // there is neither. Names that are not found are not an error.
  static std::unique_ptr<DwarfStructs> load(const std::shared_ptr<const ElfFile>& file,
                                            std::span<const WantedStruct> wanted,
                                            const DebugFileSearch& search, std::string& why);
  // With the default depth and search; nullptr where there is no debug information.
  static std::unique_ptr<DwarfStructs> load(const std::shared_ptr<const ElfFile>& file,
                                            const std::vector<std::string>& names);
  // The same of just this file, and of the alternate file that dwz -m made with it, if any.
  static std::unique_ptr<DwarfStructs> read(const ElfFile& file, const ElfFile* alternate,
                                            std::span<const WantedStruct> wanted, std::string& why);

  const StructLayout* find(std::string_view name) const override;
  std::string description() const override { return description_; }

  const std::map<std::string, StructLayout, std::less<>>& structs() const { return structs_; }
  // For people: what could not be read, names with several definitions of different size (the first is
  // taken).
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  DwarfStructs() = default;

  std::string description_;
  std::map<std::string, StructLayout, std::less<>> structs_;
  std::vector<std::string> problems_;
};

}  // namespace heapglass
