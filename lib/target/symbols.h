// Names of an ELF file to places in the target.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/address.h"

namespace heapglass {

struct Symbol {
  Address address{};       // in the target: the load bias is added
  std::uint64_t size = 0;  // bytes; 0 where the table does not say
};

struct SymbolSource {
  virtual ~SymbolSource() = default;
  // .dynsym first, then .symtab, then the .symtab of the separate debug file. A name that link-time
  // optimisation has suffixed (name.lto_priv.0) is found by its plain name where that is unique.
  virtual std::optional<Symbol> find(std::string_view name) const = 0;
  // .dynsym alone: cheap, and enough for what every build exports.
  virtual std::optional<Symbol> find_exported(std::string_view name) const { return find(name); }
};

}  // namespace heapglass
