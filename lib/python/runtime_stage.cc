#include "lib/python/runtime_stage.h"

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

}  // namespace heapglass
