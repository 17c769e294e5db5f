// What a frame holds: its local variables, and what can be told of its value stack.
#pragma once

#include <string>
#include <vector>

#include "lib/python/frames.h"
#include "lib/python/types.h"

namespace heapglass {

struct PyLocal {
  std::string name;
  Address value{};  // never null
};

class FrameContents {
 public:
  explicit FrameContents(TypeTable& types);

  // In the order of the code, what is not bound left out, cells looked into. In the body of a class its
  // namespace; of a module nothing: its variables are the module's.
  std::vector<PyLocal> locals(const PyFrame& frame) const;
  Address local(const PyFrame& frame,
                std::string_view name) const;  // null: there is none, or it is not bound
  Address globals(const PyFrame& frame) const;

  // The value stack of a frame that is suspended, deepest entry first; null entries stay in their places. Of
  // one that executes, how deep it is stands in a register, and only some versions save it.
  std::vector<Address> suspended_stack(const PyFrame& frame) const;
  // Of any frame, what the handler in force keeps of the stack: what the `with`, `try` and `for` blocks need
  // that the frame is in. A `with` block begins once __enter__ has returned.
  std::vector<Address> stack_of_blocks(const PyFrame& frame) const;
  // Everything that the value stack has room for; beyond what is in use the words are of calls long past.
  std::vector<Address> stack_room(const PyFrame& frame) const;

  // Is it `yield from` or `await` that this suspended frame of a generator or coroutine stands at?
  bool awaits(Address generator, const PyFrame& frame) const;

 private:
  bool old() const { return objects_.python().rules.frames == Frames::kObjects; }
  Address untag(std::uint64_t word) const;
  Address stack_base(const PyFrame& frame) const;
  std::uint64_t stack_size(const PyFrame& frame) const;
  std::uint64_t suspended_depth(const PyFrame& frame) const;
  std::uint64_t depth_by_blocks(const PyFrame& frame) const;
  std::uint64_t depth_by_table(const PyFrame& frame) const;
  std::vector<Address> stack(const PyFrame& frame, std::uint64_t depth) const;
  std::vector<Address> words(Address first, std::uint64_t count) const;
  Address in_cell(Address slot, bool always) const;
  void named_slots(Address names, std::int64_t count, Address first, bool cells,
                   std::vector<PyLocal>& out) const;
  void new_locals(const PyFrame& frame, std::vector<PyLocal>& out) const;

  TypeTable& types_;
  const Objects& objects_;
  const PyLayout& layout_;
  // Fields that nothing else needs; kAbsent where the version has no such.
  std::int32_t co_flags_, co_exceptiontable_, f_iblock_, f_blockstack_, b_level_, try_block_size_;
};

}  // namespace heapglass
