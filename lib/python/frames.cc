#include "lib/python/frames.h"

#include <tuple>
#include <unordered_set>
#include <utility>

#include "lib/python/collecting.h"
#include "lib/python/frame_chains.h"

namespace heapglass {
namespace {

Address untag(const Objects& o, Address a) {
  return o.python().rules.tagged_stack_refs ? Address{value(a) & ~kStackRefTag} : a;
}

PyFrame describe_frame(const Objects& o, Address frame, Address code, std::int64_t offset) {
  const auto& l = o.layout().PyCodeObject;
  PyFrame f{.frame = frame, .code = code, .offset = offset};
  f.file = o.str(o.pointer(code, l.co_filename)).value_or("?");
  const Address qualname = o.pointer(code, l.co_qualname);
  f.function = o.str(is_null(qualname) ? o.pointer(code, l.co_name) : qualname).value_or("?");
  f.line = line_of(o, code, offset);
  return f;
}

std::int64_t offset_in_code(const Objects& o, Address code, Address instruction) {
  return static_cast<std::int64_t>(
      instruction - (code + static_cast<std::uint64_t>(o.layout().PyCodeObject.co_code_adaptive)));
}

PyFrame describe_interpreter_frame(const Objects& o, Address frame) {
  const auto& l = o.layout().PyInterpreterFrame;
  const Address code = untag(o, o.pointer(frame, l.f_code));
  return describe_frame(o, frame, code, offset_in_code(o, code, o.pointer(frame, l.prev_instr)));
}

PyFrame describe_old_frame(const Objects& o, Address frame) {
  const PyLayout& l = o.layout();
  const std::int64_t lasti = o.load<std::int32_t>(frame, l.PyFrameObject.f_lasti).value_or(-1);
  // 3.10 counts instructions of two bytes.
  const std::int64_t offset = l.PyCodeObject.co_linetable != kAbsent ? lasti * 2 : lasti;
  return describe_frame(o, frame, o.pointer(frame, l.PyFrameObject.f_code), offset);
}

// _PyFrame_IsIncomplete, pycore_frame.h: what a function does before its first traceable instruction (cells,
// the generator that it is to be) is not seen from inside. Frames of generators are whole.
class Incomplete {
 public:
  explicit Incomplete(const Objects& o)
      : o_(o), first_(LayoutSources(o.python().sources).field("PyCodeObject", "_co_firsttraceable")) {}
  bool operator()(const PyFrame& f) const {
    constexpr std::uint8_t kOwnedByGenerator = 1;  // FRAME_OWNED_BY_GENERATOR
    if (!first_ || o_.load<std::uint8_t>(f.frame, o_.layout().PyInterpreterFrame.owner) == kOwnedByGenerator)
      return false;
    const auto first = o_.load<std::int32_t>(f.code, static_cast<std::int32_t>(first_->offset));
    return first && f.offset < 2 * std::int64_t{*first};
  }

 private:
  const Objects& o_;
  const std::optional<FieldLayout> first_;
};

// {gil, tstate of its holder}. take_gil() stores both; drop_gil() leaves last_holder as it was.
std::pair<Address, Address> read_gil(const Objects& o, Address interpreter) {
  const PyLayout& l = o.layout();
  Address gil{};
  if (l.PyInterpreterState.ceval_gil != kAbsent)
    gil = o.pointer(interpreter, l.PyInterpreterState.ceval_gil);
  else if (l.PyRuntimeState.ceval_gil != kAbsent)
    gil = o.python().runtime + static_cast<std::uint64_t>(l.PyRuntimeState.ceval_gil);
  if (is_null(gil) || o.load<std::int32_t>(gil, l.gil_runtime_state.locked) != 1) return {gil, Address{}};
  return {gil, o.pointer(gil, l.gil_runtime_state.last_holder)};
}

// `seen` holds the frames of all threads: each is in one place, and damaged links may lead from many into
// one.
using Seen = std::unordered_set<std::uint64_t>;

// Does the frame before this one, which is further in, begin a call of _PyEval_EvalFrameDefault? In 3.11 that
// frame says so itself. From 3.12 on a frame of the C stack stands between it and its caller; its code is
// None, or in 3.12 one of the interpreter's own. From 3.14 on the frame that cleans up after __init__() has
// the same owner, but a code object: it is run in the same call.
bool is_entry(const Objects& o, Address frame, std::uint8_t owner, const PyThread& thread) {
  const VersionTraits& rules = o.python().rules;
  if (rules.shim_owner == 0 || owner < rules.shim_owner || thread.frames.empty()) return false;
  if (!rules.tagged_stack_refs) return true;
  const Address code = untag(o, o.pointer(frame, o.layout().PyInterpreterFrame.f_code));
  return o.type_of(code) != o.type_of(thread.frames.back().code);
}

void interpreter_frames(const Objects& o, Address tstate, const Limits& limits, ReadErrors& health,
                        Seen& seen, const Incomplete& incomplete, PyThread& thread) {
  const PyLayout& l = o.layout();
  Address frame;
  if (o.python().rules.cframe) {
    frame = o.pointer(o.pointer(tstate, l.PyThreadState.cframe), l.PyCFrame.current_frame);
  } else {
    frame = o.pointer(tstate, l.PyThreadState.current_frame);
  }
  while (!is_null(frame)) {
    if (seen.size() >= limits.frames || !seen.insert(value(frame)).second)
      return health.skip(Skip::kTooMany, frame);
    const auto owner = o.load<std::uint8_t>(frame, l.PyInterpreterFrame.owner);
    if (!owner) return health.skip(Skip::kUnreadable, frame);
    const std::uint8_t shim = o.python().rules.shim_owner;
    if (shim == 0 || *owner < shim) {
      // gdb's gcore writes zeros for a stack that has a guard of madvise() in it, as glibc 2.42 makes them.
      if (is_null(untag(o, o.pointer(frame, l.PyInterpreterFrame.f_code))))
        return health.skip(Skip::kUnreadable, frame);
      thread.frames.push_back(describe_interpreter_frame(o, frame));
      thread.frames.back().incomplete = incomplete(thread.frames.back());
      if (o.python().rules.frames_tell_entry)
        thread.frames.back().begins_eval =
            o.load<std::uint8_t>(frame, l.PyInterpreterFrame.owner - 1).value_or(0) != 0;
    } else if (is_entry(o, frame, *owner, thread)) {
      thread.frames.back().begins_eval = true;
    }
    frame = o.pointer(frame, l.PyInterpreterFrame.previous);
  }
}

void frame_objects(const Objects& o, Address tstate, const Limits& limits, ReadErrors& health, Seen& seen,
                   PyThread& thread) {
  const PyLayout& l = o.layout();
  Address frame = o.pointer(tstate, l.PyThreadState.frame);
  while (!is_null(frame)) {
    if (seen.size() >= limits.frames || !seen.insert(value(frame)).second)
      return health.skip(Skip::kTooMany, frame);
    thread.frames.push_back(describe_old_frame(o, frame));
    thread.frames.back().begins_eval = true;
    frame = o.pointer(frame, l.PyFrameObject.f_back);
  }
}

}  // namespace

std::vector<PyInterpreter> read_interpreters(const Objects& o, const Limits& limits, ReadErrors& health) {
  const PyLayout& l = o.layout();
  const VersionTraits& rules = o.python().rules;
  std::vector<PyInterpreter> all;
  Seen seen, threads, frames;
  const Incomplete incomplete(o);
  Address state = o.pointer(o.python().runtime, l.PyRuntimeState.interpreters_head);
  for (; !is_null(state); state = o.pointer(state, l.PyInterpreterState.next)) {
    if (all.size() >= limits.interpreters || !seen.insert(value(state)).second) {
      health.skip(Skip::kTooMany, state);
      break;
    }
    PyInterpreter interpreter{.state = state};
    interpreter.id = o.load<std::int64_t>(state, l.PyInterpreterState.id).value_or(0);
    interpreter.gc = gc_state_of(o.python(), state);
    interpreter.collecting =
        o.load<std::int32_t>(interpreter.gc, l.gc_runtime_state.collecting).value_or(0) != 0;
    interpreter.gc_enabled =
        o.load<std::int32_t>(interpreter.gc, l.gc_runtime_state.enabled).value_or(1) != 0;
    std::tie(interpreter.gil, interpreter.gil_holder) = read_gil(o, state);
    Address tstate = o.pointer(state, l.PyInterpreterState.threads_head);
    for (; !is_null(tstate); tstate = o.pointer(tstate, l.PyThreadState.next)) {
      if (threads.size() >= limits.threads || !threads.insert(value(tstate)).second) {
        health.skip(Skip::kTooMany, tstate);
        break;
      }
      PyThread thread{.tstate = tstate};
      thread.native_id = o.load<std::uint64_t>(tstate, l.PyThreadState.native_thread_id).value_or(0);
      thread.thread_id = o.load<std::uint64_t>(tstate, l.PyThreadState.thread_id).value_or(0);
      if (rules.frames == Frames::kInterpreter) {
        interpreter_frames(o, tstate, limits, health, frames, incomplete, thread);
      } else {
        frame_objects(o, tstate, limits, health, frames, thread);
      }
      interpreter.threads.push_back(std::move(thread));
    }
    all.push_back(std::move(interpreter));
  }
  return all;
}

PyFrame read_frame_object(const Objects& o, Address object) {
  const PyLayout& l = o.layout();
  if (l.PyFrameObject.f_frame == kAbsent) return describe_old_frame(o, object);
  PyFrame frame = describe_interpreter_frame(o, o.pointer(object, l.PyFrameObject.f_frame));
  frame.frame = object;
  return frame;
}

std::vector<PyFrame> read_frame_chain(const Objects& o, Address object, const Limits& limits) {
  const PyLayout& l = o.layout();
  const bool old = l.PyFrameObject.f_frame == kAbsent;
  const std::uint8_t shim = o.python().rules.shim_owner;
  const Incomplete incomplete(o);
  std::vector<PyFrame> chain;
  Seen seen;
  Address code_type{};
  Address frame = old ? object : o.pointer(object, l.PyFrameObject.f_frame);
  while (!is_null(frame) && seen.size() < limits.frames && seen.insert(value(frame)).second) {
    const Address code = old ? o.pointer(frame, l.PyFrameObject.f_code)
                             : untag(o, o.pointer(frame, l.PyInterpreterFrame.f_code));
    // The first is a frame for sure.
    if (chain.empty()) code_type = o.type_of(code);
    if (is_null(code_type) || o.type_of(code) != code_type) break;
    const auto owner = old ? 0 : o.load<std::uint8_t>(frame, l.PyInterpreterFrame.owner).value_or(0);
    if (old || shim == 0 || owner < shim) {
      chain.push_back(old ? describe_old_frame(o, frame) : describe_interpreter_frame(o, frame));
      if (!old) chain.back().incomplete = incomplete(chain.back());
    }
    frame = old ? o.pointer(frame, l.PyFrameObject.f_back) : o.pointer(frame, l.PyInterpreterFrame.previous);
  }
  return chain;
}

PyFrame read_generator_frame(const Objects& o, Address generator) {
  const auto& l = o.layout().PyGenObject;
  if (l.gi_iframe == kAbsent) {
    const Address frame = o.pointer(generator, l.gi_frame);
    return is_null(frame) ? PyFrame{} : describe_old_frame(o, frame);
  }
  const VersionTraits& rules = o.python().rules;
  const auto state = o.load<std::int8_t>(generator, l.gi_frame_state);
  if (!state ||
      (rules.gen_cleared_at_or_above ? *state >= rules.gen_frame_cleared : *state == rules.gen_frame_cleared))
    return {};
  return describe_interpreter_frame(o, generator + static_cast<std::uint64_t>(l.gi_iframe));
}

namespace {

// A line number table of a code object, and its first line.
struct LineTable {
  const std::byte* bytes = nullptr;
  std::int64_t size = 0;
  std::int64_t first = 0;
  unsigned byte(std::int64_t i) const { return std::to_integer<unsigned>(bytes[i]); }
  int step(std::int64_t i) const { return std::to_integer<std::int8_t>(bytes[i]); }
};

// co_lnotab (3.7-3.9): pairs of a step in bytes of code and a signed step in lines.
int line_by_lnotab(const LineTable& table, std::int64_t offset) {
  std::int64_t line = table.first, at = 0;
  for (std::int64_t i = 0; i + 1 < table.size; i += 2) {
    at += table.byte(i);
    if (at > offset) break;
    line += table.step(i + 1);
  }
  return static_cast<int>(line);
}

// co_linetable of 3.10: the same pairs, the lines first; -128 stands for no line.
int line_by_pairs(const LineTable& table, std::int64_t offset) {
  std::int64_t line = table.first, at = 0;
  for (std::int64_t i = 0; i + 1 < table.size; i += 2) {
    const int delta = table.step(i + 1);
    if (delta != -128) line += delta;
    at += table.byte(i);
    if (at > offset) return delta == -128 ? 0 : static_cast<int>(line);
  }
  return static_cast<int>(line);
}

// The location table of 3.11+, CPython Objects/locations.md: entries of one byte 1cccc lll, the code's
// length in units of two bytes less one, and operands by code.
class LocationReader {
 public:
  explicit LocationReader(const LineTable& table) : table_(table), line_(table.first) {}

  int line_at(std::int64_t offset) {
    std::int64_t at = 0;
    while (i_ < table_.size) {
      const unsigned head = table_.byte(i_++);
      if (!(head & 128)) return 0;  // not the start of an entry: damaged
      const bool has_line = read_operands(head >> 3 & 15);
      at += ((head & 7) + std::int64_t{1}) * 2;
      if (at > offset) return has_line && line_ > 0 && line_ < 1 << 30 ? static_cast<int>(line_) : 0;
    }
    return 0;
  }

 private:
  // False: the entry has no line.
  bool read_operands(unsigned kind) {
    if (kind == 15) return false;
    if (kind <= 9) {
      i_ += 1;
    } else if (kind <= 12) {
      line_ += kind - 10;
      i_ += 2;
    } else {
      line_ += signed_varint();
      // The end line and two columns.
      for (int operand = 0; kind == 14 && operand < 3; ++operand) varint();
    }
    return true;
  }
  std::uint32_t varint() {
    std::uint32_t result = 0;
    for (unsigned shift = 0; i_ < table_.size && shift < 32; shift += 6) {
      const unsigned b = table_.byte(i_++);
      result |= (b & 63) << shift;
      if (!(b & 64)) break;
    }
    return result;
  }
  std::int64_t signed_varint() {
    const std::uint32_t v = varint();
    return v & 1 ? -static_cast<std::int64_t>(v >> 1) : static_cast<std::int64_t>(v >> 1);
  }

  const LineTable& table_;
  std::int64_t line_, i_ = 0;
};

}  // namespace

int line_of(const Objects& o, Address code, std::int64_t offset) {
  const auto& l = o.layout().PyCodeObject;
  const auto first = o.load<std::int32_t>(code, l.co_firstlineno);
  if (!first) return 0;
  const bool old = l.co_linetable == kAbsent;
  const Address address = o.pointer(code, old ? l.co_lnotab : l.co_linetable);
  // Not started: the interpreter says the first line too. So it does of code with an empty table, but not of
  // one whose table is not there to be read.
  const auto size = o.load<std::int64_t>(address, o.layout().PyVarObject.ob_size);
  if (offset < 0 || size == 0) return *first;
  LineTable table{.size = size.value_or(0), .first = *first};
  if (table.size > 0 && table.size <= 1 << 26)
    table.bytes = o.image().at(address + static_cast<std::uint64_t>(o.layout().PyBytesObject.ob_sval),
                               static_cast<std::uint64_t>(table.size));
  if (!table.bytes) return 0;
  if (l.co_code_adaptive != kAbsent) return LocationReader(table).line_at(offset);
  return old ? line_by_lnotab(table, offset) : line_by_pairs(table, offset);
}

}  // namespace heapglass
