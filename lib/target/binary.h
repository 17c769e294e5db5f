// A program or library of the target.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/target/structs.h"
#include "lib/target/symbols.h"

namespace heapglass {

// An ELF file mapped into the target, as far as finding the interpreter needs it.
struct Binary {
  virtual ~Binary() = default;
  virtual const std::string& path() const = 0;  // as the target sees it
  virtual std::string build_id() const = 0;     // hex; empty: none
  virtual const SymbolSource& symbols() const = 0;
  virtual std::optional<Symbol> section(std::string_view name) const = 0;  // in the target
  // Whether there is debug information to read; tells it without reading it.
  virtual bool may_have_structs() const = 0;
  // The file's own or separate debug information, asked for these structs; nullptr: there is none.
  virtual std::shared_ptr<const StructSource> structs(const std::vector<std::string>& names) const = 0;
};

// Programs and libraries of one target. Each may outlive it.
using Binaries = std::vector<std::shared_ptr<const Binary>>;

}  // namespace heapglass
