#include "lib/python/debug_offsets.h"

#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "lib/python/versions.h"

namespace heapglass {
namespace {

// One group of words: the struct it is about, then field paths in order. "size" is sizeof; '-' is passed
// over.
struct Group {
  std::string_view structure;
  std::string_view fields;
};

constexpr Group k313[] = {
    {"_PyRuntimeState", "- - interpreters.head"},
    {"PyInterpreterState", "size id next threads.head gc imports.modules sysdict builtins ceval.gil - - - -"},
    {"PyThreadState", "size prev next interp current_frame thread_id native_thread_id datastack_chunk -"},
    {"_PyInterpreterFrame", "size previous f_executable instr_ptr localsplus owner"},
    {"PyCodeObject",
     "size co_filename co_name co_qualname co_linetable co_firstlineno co_argcount co_localsplusnames "
     "co_localspluskinds co_code_adaptive"},
    {"PyObject", "size ob_type"},
    {"PyTypeObject", "size tp_name tp_repr tp_flags"},
    {"PyTupleObject", "size ob_item -"},
    {"PyListObject", "size ob_item -"},
    {"PyDictObject", "size ma_keys ma_values"},
    {"PyFloatObject", "size ob_fval"},
    {"PyLongObject", "size long_value.lv_tag long_value.ob_digit"},
    {"PyBytesObject", "size - ob_sval"},
    {"PyUnicodeObject", "size - - -"},
    {"_gc_runtime_state", "size collecting"},
};

constexpr Group k314[] = {
    {"_PyRuntimeState", "- - interpreters.head"},
    {"PyInterpreterState",
     "size id next threads.head threads.main gc imports.modules sysdict builtins ceval.gil - - - - - -"},
    {"PyThreadState", "size prev next interp current_frame thread_id native_thread_id datastack_chunk -"},
    {"_PyInterpreterFrame", "size previous f_executable instr_ptr localsplus owner stackpointer -"},
    {"PyCodeObject",
     "size co_filename co_name co_qualname co_linetable co_firstlineno co_argcount co_localsplusnames "
     "co_localspluskinds co_code_adaptive -"},
    {"PyObject", "size ob_type"},
    {"PyTypeObject", "size tp_name tp_repr tp_flags"},
    {"PyTupleObject", "size ob_item -"},
    {"PyListObject", "size ob_item -"},
    {"PySetObject", "size used table mask"},
    {"PyDictObject", "size ma_keys ma_values"},
    {"PyFloatObject", "size ob_fval"},
    {"PyLongObject", "size long_value.lv_tag long_value.ob_digit"},
    {"PyBytesObject", "size - ob_sval"},
    {"PyUnicodeObject", "size - - -"},
    {"_gc_runtime_state", "size collecting"},
    {"PyGenObject", "size gi_name gi_iframe gi_frame_state"},
};

constexpr Group k315[] = {
    {"_PyRuntimeState", "- - interpreters.head"},
    {"PyInterpreterState",
     "size id next threads.head threads.main gc imports.modules sysdict builtins ceval.gil - - - - - -"},
    {"PyThreadState",
     "size prev next interp current_frame base_frame - - thread_id native_thread_id datastack_chunk - "
     "holds_gil "
     "gil_requested current_exception exc_state"},
    {"", "-"},  // err_stackitem
    {"_PyInterpreterFrame", "size previous f_executable instr_ptr localsplus owner stackpointer -"},
    {"PyCodeObject",
     "size co_filename co_name co_qualname co_linetable co_firstlineno co_argcount co_localsplusnames "
     "co_localspluskinds co_code_adaptive -"},
    {"PyObject", "size ob_type"},
    {"PyTypeObject", "size tp_name tp_repr tp_flags tp_basicsize tp_dictoffset"},
    {"PyHeapTypeObject", "size ht_cached_keys"},
    {"PyTupleObject", "size ob_item -"},
    {"PyListObject", "size ob_item -"},
    {"PySetObject", "size used table mask"},
    {"PyDictObject", "size ma_keys ma_values"},
    {"PyFloatObject", "size ob_fval"},
    {"PyLongObject", "size long_value.lv_tag long_value.ob_digit"},
    {"PyBytesObject", "size - ob_sval"},
    {"PyUnicodeObject", "size - - - -"},
    {"_gc_runtime_state", "size collecting frame - -"},
    {"PyGenObject", "size gi_name gi_iframe gi_frame_state"},
};

constexpr std::uint64_t kLargestStruct = 64u << 20;  // sizeof(_PyRuntime) is under 1 MiB in all of them

std::span<const Group> groups_for(std::uint32_t hexversion) {
  switch (hexversion >> 16) {
    case 0x30d:
      return k313;
    case 0x30e:
      return k314;
    case 0x30f:
      return k315;
    default:
      return {};
  }
}

}  // namespace

std::optional<DebugOffsets> read_debug_offsets(const MemoryReader& memory, Address runtime) {
  std::array<char, 8> cookie{};
  if (!memory.read(runtime, std::as_writable_bytes(std::span(cookie)))) return std::nullopt;
  if (std::memcmp(cookie.data(), "xdebugpy", 8) != 0) return std::nullopt;
  const auto version = read_as<std::uint64_t>(memory, runtime + 8);
  const auto free_threaded = read_as<std::uint64_t>(memory, runtime + 16);
  if (!version || !free_threaded || *version > 0xffffffff || *free_threaded > 1) return std::nullopt;

  DebugOffsets offsets;
  offsets.hexversion = static_cast<std::uint32_t>(*version);
  offsets.free_threaded = *free_threaded == 1;
  Address at = runtime + 24;
  for (const Group& group : groups_for(offsets.hexversion)) {
    StructLayout layout;
    for (std::string_view rest = group.fields; !rest.empty();) {
      const std::size_t space = rest.find(' ');
      const std::string_view field = rest.substr(0, space);
      rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
      const auto word = read_as<std::uint64_t>(memory, at);
      at = at + 8;
      if (!word) return std::nullopt;
      if (field == "-") continue;
      if (*word > kLargestStruct) return std::nullopt;
      if (field == "size") {
        layout.size = *word;
      } else {
        layout.fields.emplace(std::string(field), FieldLayout{.offset = *word});
      }
    }
    if (!group.structure.empty()) offsets.structs.emplace(std::string(group.structure), std::move(layout));
  }
  if (offsets.structs.empty()) return std::nullopt;
  return offsets;
}

}  // namespace heapglass
