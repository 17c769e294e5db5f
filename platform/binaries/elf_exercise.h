// Calls all that reads an ELF file on any bytes: for the fuzz target and for the tests with damaged files.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "platform/binaries/dwarf_structs.h"
#include "platform/binaries/elf_file.h"
#include "platform/binaries/elf_symbols.h"
#include "platform/binaries/unwind_table.h"

namespace heapglass {

struct ElfExercise {
  bool opened = false;
  std::size_t symbols = 0;
  std::size_t structs = 0;
  std::size_t fields = 0;
  std::size_t callers = 0;
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

  // Memory of which every word is near the one before it.
  struct Words : MemoryReader {
    bool read(Address from, std::span<std::byte> to) const override {
      for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = static_cast<std::byte>((value(from) + i) >> (i % 8));
      return true;
    }
  };
  const UnwindTable table(file, 0);
  std::vector<std::uint64_t> places{0, ~std::uint64_t{0}};
  for (const ElfSegment& segment : file->segments())
    if (segment.executable && places.size() < 64)
      for (std::uint64_t i = 0; i < 16; ++i) places.push_back(segment.address + segment.memory_size / 16 * i);
  for (const std::uint64_t place : places) {
    FrameRegisters frame;
    for (unsigned i = 0; i < FrameRegisters::kCount; ++i) frame.set(i, place + i);
    frame.set(FrameRegisters::kRip, place);
    out.callers += table.caller_of(frame, place % 2 == 0, Words{}).has_value();
    (void)symbols.place_of(Address{place});
  }
  return out;
}

}  // namespace heapglass
