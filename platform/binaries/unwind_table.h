// The unwind table (.eh_frame) of one ELF file as loaded in the target.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "lib/target/call_frames.h"
#include "lib/target/memory_reader.h"
#include "platform/binaries/elf_file.h"

namespace heapglass {

// The file is hostile input, as the memory is: one gets a frame or none.
class UnwindTable {
 public:
  // Reads nothing yet; then what of the table is needed.
  UnwindTable(std::shared_ptr<const ElfFile> file, std::uint64_t load_bias);
  ~UnwindTable();
  UnwindTable(const UnwindTable&) = delete;
  UnwindTable& operator=(const UnwindTable&) = delete;

  // Whether a segment of code of the file holds it.
  bool has_code_at(Address instruction) const;
  // What called the function that `frame` is in. `at_return`: its instruction pointer is a return address, so
  // that the call before it is looked up. nullopt where the table or the memory does not tell. From one
  // thread.
  std::optional<CallerFrame> caller_of(const FrameRegisters& frame, bool at_return,
                                       const MemoryReader& memory) const;

 private:
  struct Index;
  struct Function;
  const Index& index() const;
  // nullptr: none holds it, or its entry is damaged.
  const Function* function_at(std::uint64_t linked) const;
  std::unique_ptr<Function> read_function(std::uint64_t offset) const;

  std::shared_ptr<const ElfFile> file_;
  std::uint64_t load_bias_;
  mutable std::unique_ptr<Index> index_;
  mutable std::map<std::uint64_t, std::unique_ptr<Function>>
      functions_;  // that were asked for, by their entry
};

}  // namespace heapglass
