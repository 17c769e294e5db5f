// Calls all that reads an ELF file on any bytes: for the fuzz target and for the tests with damaged files.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "platform/binaries/dwarf_structs.h"
#include "platform/binaries/elf_file.h"
#include "platform/binaries/elf_symbols.h"

namespace heapglass {

struct ElfExercise {
  bool opened = false;
  std::size_t symbols = 0;
  std::size_t structs = 0;
  std::size_t fields = 0;
};

inline ElfExercise exercise_elf(std::span<const std::byte> bytes) {
  ElfExercise out;
  std::string why;
  const auto file = ElfFile::from_memory(bytes, "input", why);
  if (file == nullptr) return out;
  out.opened = true;
  for (const ElfSection& section : file->sections()) (void)file->read(section, why);
  (void)file->debug_link();
  (void)file->debug_alt_link();
  (void)file->alt_id();
  (void)file->crc();

  Mappings mappings;
  for (const ElfSegment& segment : file->segments()) {
    Mapping mapping;
    mapping.start = Address{segment.address + 0x10000};
    mapping.end = mapping.start + segment.memory_size;
    mapping.file_offset = segment.offset;
    mapping.executable = segment.executable;
    mappings.push_back(mapping);
    if (mappings.size() == 16) break;
  }
  if (!mappings.empty()) (void)file->load_bias(mappings, mappings.front());

  for (const auto table : {ElfFile::Table::kDynamic, ElfFile::Table::kFull}) {
    file->symbols(table, [&](const ElfSymbol&) { ++out.symbols; });
  }
  const ElfSymbols symbols(file, 0, [&] { return file; });
  (void)symbols.find("_PyRuntime");
  (void)symbols.find("unique_object");

  static const std::vector<WantedStruct> wanted = {
      {"a_shape"}, {"_shape"},     {"shape"}, {"_t"},    {"hidden"},
      {"_hidden"}, {"links"},      {"any"},   {"twice"}, {"deep"},
      {"no_such"}, {"everything"}, {"a"},     {""},      {"links_qualified"}};
  if (const auto structs = DwarfStructs::read(*file, nullptr, wanted, why)) {
    out.structs = structs->structs().size();
    for (const auto& [name, layout] : structs->structs()) out.fields += layout.fields.size();
  }
  if (const auto structs = DwarfStructs::read(*file, file.get(), wanted, why)) (void)structs->description();
  return out;
}

}  // namespace heapglass
