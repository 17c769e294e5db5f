// SymbolSource of one ELF file as loaded in the target.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/target/symbols.h"
#include "platform/binaries/elf_file.h"

namespace heapglass {

class ElfSymbols : public SymbolSource {
 public:
  // Called once, and only for a name that the file itself does not have; nullptr: there is no debug file.
  using FindDebugFile = std::function<std::shared_ptr<const ElfFile>()>;

  ElfSymbols(std::shared_ptr<const ElfFile> file, std::uint64_t load_bias,
             FindDebugFile find_debug_file = {});

  // Of several symbols of one name the global one is meant. Where there are only local ones, at different
  // places, the name is ambiguous and is not found.
  std::optional<Symbol> find(std::string_view name) const override;
  std::optional<Symbol> find_exported(std::string_view name) const override;
  std::optional<CodePlace> place_of(Address address) const override;

 private:
  struct Entry {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    bool local = false;
    bool ambiguous = false;
  };
  using Names = std::unordered_map<std::string_view, Entry>;
  struct Table {
    Names full;
    Names plain;  // without the suffix of link-time optimisation
  };
  // A symbol with a size, by its address; a name of several has each.
  struct Place {
    std::uint64_t start = 0, size = 0;
    std::string_view name;
  };

  static Table load(const ElfFile& file, ElfFile::Table which);
  static void add(Names& names, std::string_view name, const Entry& entry);
  const Table* table(std::size_t step) const;
  const std::vector<Place>& places(std::size_t step) const;
  std::optional<Symbol> find_in(std::string_view name, std::size_t steps) const;

  std::shared_ptr<const ElfFile> file_;
  std::uint64_t load_bias_;
  FindDebugFile find_debug_file_;
  // In the order of the search, each loaded when the ones before do not have a name.
  static constexpr std::size_t kSteps = 3;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const ElfFile> debug_file_;
  mutable std::vector<Table> tables_;
  mutable std::array<std::optional<std::vector<Place>>, kSteps> places_;  // in order of address
};

// "arenas" of "arenas.lto_priv.0"; the name itself where it has no such suffix.
std::string_view without_lto_suffix(std::string_view name);

}  // namespace heapglass
