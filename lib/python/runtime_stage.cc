#include "lib/python/runtime_stage.h"

#include <algorithm>
#include <array>
#include <span>

namespace heapglass {
namespace {

constexpr char kRuntime[] = "_PyRuntimeState|pyruntimestate", kInterpreter[] = "PyInterpreterState|_is",
               kThread[] = "PyThreadState|_ts";

class Flags {
 public:
  Flags(const PyRuntime& python, const MemoryReader& memory) : sources_(python.sources), memory_(memory) {}

  bool knows(const char* structs, const char* paths) const {
    return sources_.field(structs, paths).has_value();
  }
  template <class T>
  T at(Address base, const char* structs, const char* paths) const {
    const auto field = sources_.field(structs, paths);
    return field ? read_as<T>(memory_, base + field->offset).value_or(T{}) : T{};
  }

 private:
  const LayoutSources sources_;
  const MemoryReader& memory_;
};

}  // namespace

Address ended_by(const PyRuntime& python, const MemoryReader& memory, Address interpreter) {
  const Flags flags(python, memory);
  const Address thread = flags.at<Address>(python.runtime, kRuntime, "finalizing|_finalizing");
  if (is_null(thread) || flags.at<Address>(thread, kThread, "interp") != interpreter) return {};
  return thread;
}

RuntimeStage stage_of(const PyRuntime& python, const MemoryReader& memory) {
  const Flags flags(python, memory);
  const Address interpreter = flags.at<Address>(python.runtime, kRuntime, "interpreters.main");
  if (is_null(interpreter)) return RuntimeStage::kStarting;
  // The interpreter's own flag: 3.12 and later set it before the functions of atexit run.
  if (!is_null(ended_by(python, memory, interpreter)) ||
      flags.at<std::int32_t>(interpreter, kInterpreter, "finalizing") != 0)
    return RuntimeStage::kEnding;
  if (flags.knows(kRuntime, "initialized") &&
      flags.at<std::int32_t>(python.runtime, kRuntime, "initialized") == 0)
    return RuntimeStage::kStarting;
  return RuntimeStage::kRunning;
}

bool returns_to_finalize(const PyRuntime& python, const MemoryReader& memory, Address stack_pointer,
                         Address stack_end) {
  constexpr std::uint64_t kMost = 8 << 20, kPiece = 4096;
  const auto finalize = python.binary->symbols().find_exported("Py_FinalizeEx");
  if (!finalize || finalize->size == 0) return false;
  const Address end = finalize->address + finalize->size;
  const std::uint64_t stop = std::min(value(stack_end), value(stack_pointer) + kMost);
  std::array<Address, kPiece / sizeof(Address)> words;
  for (std::uint64_t at = value(stack_pointer) / 8 * 8; at < stop;) {
    const std::uint64_t size = std::min(stop, (at / kPiece + 1) * kPiece) - at;
    const std::span<Address> piece(words.data(), size / sizeof(Address));
    if (memory.read(Address{at}, std::as_writable_bytes(piece)) &&
        std::any_of(piece.begin(), piece.end(), [&](Address a) { return finalize->address < a && a < end; }))
      return true;
    at += size;
  }
  return false;
}

}  // namespace heapglass
