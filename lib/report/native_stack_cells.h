// The machine code that threads are in, as columns of the tables of `stacks`.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "lib/heap/heap.h"
#include "lib/python/frames.h"
#include "lib/render/report.h"
#include "lib/threads/native_stacks.h"

namespace heapglass {

// "handle (app.py:42)"
std::string place_of(const PyFrame& frame);

class NativeStackCells {
 public:
  // `heap` is borrowed and has its binaries, where `wanted`; where not, nothing is added. `most_frames` of
  // each stack are printed for people, 0: all.
  NativeStackCells(const Heap& heap, bool wanted, std::size_t most_frames)
      : heap_(heap), wanted_(wanted), most_frames_(most_frames) {}

  bool wanted() const { return wanted_; }
  // Equal for threads that stand at the same places.
  std::string key(const ThreadRegisters* thread);
  void add_columns(Table& table) const;
  // nullptr: nobody can tell which of the system's threads it is. `python` are the thread's frames of Python.
  void add_cells(Row& row, const ThreadRegisters* thread, std::span<const PyFrame> python = {});

 private:
  const NativeStack& stack_of(const ThreadRegisters* thread);

  const Heap& heap_;
  const bool wanted_;
  const std::size_t most_frames_;
  std::map<const ThreadRegisters*, NativeStack> stacks_;
};

}  // namespace heapglass
