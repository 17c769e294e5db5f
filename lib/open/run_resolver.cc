#include "lib/open/run_resolver.h"

#include "lib/base/error.h"
#include "lib/python/objects.h"

namespace heapglass {

void RunResolver::prepare() {
  if (!copied_) {
    const PyLayout& l = python_.layout;
    TraverseOffsets offsets;
    offsets.ob_type = static_cast<std::uint32_t>(l.PyObject.ob_type);
    offsets.tp_flags = static_cast<std::uint32_t>(l.PyTypeObject.tp_flags);
    offsets.tp_traverse = static_cast<std::uint32_t>(l.PyTypeObject.tp_traverse);
    offsets.tp_is_gc = offsets.tp_traverse + kTpIsGcBehindTraverse;
    offsets.have_gc = kTpHaveGc;
    const SymbolSource& symbols = python_.binary->symbols();
    auto function = [&](std::initializer_list<std::string_view> names) {
      for (const std::string_view name : names)
        if (const auto symbol = symbols.find_exported(name)) return symbol->address;
      return Address{};
    };
    offsets.this_thread_state = function({"PyGILState_GetThisThreadState"});
    offsets.current_thread_state = function({"PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet"});
    offsets.restore_thread = function({"PyEval_RestoreThread"});
    if (const auto symbol = symbols.find("_PySys_GetSizeOf")) offsets.size_of = symbol->address;
    copied_ = std::make_unique<TraverseSandbox>(capture_, main_thread_, offsets);
  }
}

void RunResolver::run(std::span<const Address> objects, const TraverseSandbox::Take& take) {
  prepare();
  copied_->run(objects, take);
}

void RunResolver::sizes(std::span<const Address> objects, const SizeAnswer& answer) {
  try {
    prepare();
    copied_->sizes(objects, answer);
  } catch (const Error& error) {
    if (must_) throw;
    why_not_ = error.what();
  }
}

bool RunResolver::resolve(std::span<const Address> objects, const Answer& answer) {
  try {
    run(objects, [&](std::size_t i, TraverseSandbox::Status status, std::span<const Address> referents) {
      answer(i, status == TraverseSandbox::Status::kDone, referents);
    });
  } catch (const Error& error) {
    if (must_) throw;
    why_not_ = error.what();
    return false;
  }
  return true;
}

}  // namespace heapglass
