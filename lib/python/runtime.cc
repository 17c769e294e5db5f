#include "lib/python/runtime.h"

#include <algorithm>

#include "lib/python/c_types.h"
#include "lib/python/runtime_stage.h"

namespace heapglass {

std::vector<std::string> wanted_structs() {
  std::vector<std::string> names = layout_struct_names();
  auto add = [&](std::string_view alternatives) {
    while (!alternatives.empty()) {
      const std::size_t bar = alternatives.find('|');
      names.emplace_back(alternatives.substr(0, bar));
      if (bar == std::string_view::npos) return;
      alternatives.remove_prefix(bar + 1);
    }
  };
  for (const CTypeRow& row : c_type_rows()) add(row.structure);
  for (const ModuleStateRow& row : module_state_rows()) add(row.structure);
  add("PyTryBlock|ThreadHandle|PyThreadHandleObject|_PyRecursiveMutex|PyMutex");  // of blocks and locks
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string PyRuntime::self_check(const MemoryReader& memory) const {
  const PyLayout& l = layout;
  auto pointer = [&](Address base, std::int32_t offset) {
    if (offset == kAbsent) return Address{};
    return Address{read_as<std::uint64_t>(memory, base + static_cast<std::uint64_t>(offset)).value_or(0)};
  };
  struct Needed {
    std::int32_t offset;
    const char* name;
  };
  for (const Needed& n :
       {Needed{l.PyObject.ob_type, "PyObject.ob_type"}, Needed{l.PyVarObject.ob_size, "PyVarObject.ob_size"},
        Needed{l.PyTypeObject.tp_flags, "PyTypeObject.tp_flags"},
        Needed{l.PyGC_Head.size, "sizeof(PyGC_Head)"}, Needed{l.PyDictObject.ma_keys, "PyDictObject.ma_keys"},
        Needed{l.PyListObject.ob_item, "PyListObject.ob_item"},
        Needed{l.PyTupleObject.ob_item, "PyTupleObject.ob_item"},
        Needed{l.PyDictKeysObject.dk_nentries, "PyDictKeysObject.dk_nentries"},
        Needed{l.PyASCIIObject.state, "PyASCIIObject.state"},
        Needed{l.PyInterpreterState.threads_head, "PyInterpreterState.threads.head"},
        Needed{l.PyInterpreterState.modules, "PyInterpreterState.modules"},
        Needed{l.PyInterpreterState.sysdict, "PyInterpreterState.sysdict"},
        Needed{l.gc_runtime_state.permanent_generation, "_gc_runtime_state.permanent_generation"},
        Needed{l.PyRuntimeState.interpreters_main, "_PyRuntimeState.interpreters.main"}}) {
    if (n.offset == kAbsent) return std::string("the offset of ") + n.name + " is unknown";
  }
  const Address interpreter = pointer(runtime, l.PyRuntimeState.interpreters_main);
  if (is_null(interpreter)) return "no interpreter is initialised (yet, or any more)";
  // At the end its dicts are emptied, and let go. The thread that does so is of that interpreter: no other
  // layout's word would be.
  const bool ending = !is_null(ended_by(*this, memory, interpreter));
  for (const auto& [offset, name] : {std::pair{l.PyInterpreterState.sysdict, "sysdict"},
                                     std::pair{l.PyInterpreterState.modules, "modules"},
                                     std::pair{l.PyInterpreterState.builtins, "builtins"}}) {
    const Address dict = pointer(interpreter, offset);
    if (ending && is_null(dict)) continue;
    const Address type = pointer(dict, l.PyObject.ob_type);
    const Address metatype = pointer(type, l.PyObject.ob_type);
    const auto tp_name = read_c_string(memory, pointer(type, l.PyTypeObject.tp_name), 64);
    if (tp_name != "dict") return std::string("the interpreter's ") + name + " is no dict";
    if (pointer(metatype, l.PyObject.ob_type) != metatype) return "the type of type is not type";
    const auto meta_name = read_c_string(memory, pointer(metatype, l.PyTypeObject.tp_name), 64);
    if (meta_name != "type") return "the type of dict is not called type";
    const auto basicsize =
        read_as<std::int64_t>(memory, type + static_cast<std::uint64_t>(l.PyTypeObject.tp_basicsize));
    if (basicsize != l.PyDictObject.size) return "dict's tp_basicsize is not sizeof(PyDictObject)";
    const auto used =
        read_as<std::int64_t>(memory, dict + static_cast<std::uint64_t>(l.PyDictObject.ma_used));
    if (!used || *used < (ending ? 0 : 3) || *used > 10'000'000)
      return std::string(name) + " has an impossible number of entries";
    const Address keys = pointer(dict, l.PyDictObject.ma_keys);
    const auto entries =
        read_as<std::int64_t>(memory, keys + static_cast<std::uint64_t>(l.PyDictKeysObject.dk_nentries));
    if (!entries || *entries < *used) return std::string(name) + "'s keys have fewer entries than items";
  }
  return {};
}

}  // namespace heapglass
