// A program or library of the target.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/target/call_frames.h"
#include "lib/target/memory_reader.h"
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
  // Whether the instruction is in code of the file.
  virtual bool has_code_at(Address) const { return false; }
  // What called the function that `frame` is in; `at_return`: its instruction pointer is a return address.
  // `memory` is that of the frame's moment. nullopt where the file's unwind table or the memory does not
  // tell. From one thread.
  virtual std::optional<CallerFrame> caller_of([[maybe_unused]] const FrameRegisters& frame,
                                               [[maybe_unused]] bool at_return,
                                               [[maybe_unused]] const MemoryReader& memory) const {
    return std::nullopt;
  }
  // The file's own or separate debug information, asked for these structs; nullptr: there is none.
  virtual std::shared_ptr<const StructSource> structs(const std::vector<std::string>& names) const = 0;
};

// Programs and libraries of one target. Each may outlive it.
using Binaries = std::vector<std::shared_ptr<const Binary>>;

}  // namespace heapglass
