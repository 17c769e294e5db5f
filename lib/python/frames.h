// Interpreters, threads and frames of the target.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/limits.h"
#include "lib/base/read_errors.h"
#include "lib/python/objects.h"

namespace heapglass {

struct PyFrame {
  Address frame{};  // _PyInterpreterFrame (3.11+) or PyFrameObject
  Address code{};
  std::string file, function;
  int line = 0;             // 0: unknown
  std::int64_t offset = 0;  // of the instruction that it is at, in bytes of code; negative: not started
  bool incomplete = false;  // still being set up: sys._current_frames() does not show it
  // _PyEval_EvalFrameDefault was called for it; else it runs in the call that the frame below it runs in. Of
  // the frames of a thread.
  bool begins_eval = false;
};

struct PyThread {
  Address tstate{};
  std::uint64_t native_id = 0;  // as the target counts (its pid namespace); 0: not told by this version
  std::uint64_t thread_id = 0;  // pthread_t
  std::vector<PyFrame> frames;  // innermost first
};

struct PyInterpreter {
  Address state{};
  std::int64_t id = 0;
  Address gc{};             // _gc_runtime_state
  bool collecting = false;  // a collection is going on
  bool gc_enabled = true;
  Address gil{};                  // _gil_runtime_state; before 3.12 all interpreters have the same
  Address gil_holder{};           // PyThreadState; null: nobody holds it
  std::vector<PyThread> threads;  // newest first, as the interpreter links them
};

// Every interpreter, main last as the runtime links them.
std::vector<PyInterpreter> read_interpreters(const Objects& objects, const Limits& limits,
                                             ReadErrors& health);

// What a frame object stands for, running or not.
PyFrame read_frame_object(const Objects& objects, Address frame_object);

// Of a generator, coroutine or asynchronous generator: the frame that it is suspended or running in, which is
// an interpreter frame from 3.11 on; its `frame` is null where the generator has ended.
PyFrame read_generator_frame(const Objects& objects, Address generator);

// The line that a code object's instruction at `offset` bytes stands on; 0: none.
int line_of(const Objects& objects, Address code, std::int64_t offset);

}  // namespace heapglass
