// Names of an ELF file to places in the target.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/address.h"

namespace heapglass {

struct Symbol {
  Address address{};       // in the target: the load bias is added
  std::uint64_t size = 0;  // bytes; 0 where the table does not say
};

// An address in a function.
struct CodePlace {
  std::string function;
  std::uint64_t offset = 0;  // from its start
};

struct SymbolSource {
  virtual ~SymbolSource() = default;
  // .dynsym first, then .symtab, then the .symtab of the separate debug file. A name that link-time
  // optimisation has suffixed (name.lto_priv.0) is found by its plain name where that is unique.
  virtual std::optional<Symbol> find(std::string_view name) const = 0;
  // .dynsym alone: cheap, and enough for what every build exports.
  virtual std::optional<Symbol> find_exported(std::string_view name) const { return find(name); }
  // The symbol that holds an address, in the order of find(). Of several the one that the fewest underscores
  // precede, then the first by name. nullopt: none that has a size does.
  virtual std::optional<CodePlace> place_of(Address) const { return std::nullopt; }
};

}  // namespace heapglass
