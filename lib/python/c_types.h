// The C types of the interpreter and its standard library: which fields their tp_traverse visits.
// Data only; types.cc joins a row with the struct's layout and the type found in the process.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace heapglass {

// What an object refers to beyond fixed fields: one reader each in references.h.
enum class Body : std::uint8_t {
  kNone,
  kTuple,
  kStructSequence,   // a tuple whose real length is n_fields, not ob_size
  kList,
  kDict,
  kSet,
  kDeque,
  kOrderedDict,      // its own nodes' keys, then the dict's
  kType,
  kModule,           // md_dict, then the C state by kModuleStates
  kCode,
  kFrame,
  kGenerator,        // also coroutines and async generators
  kLruCache,
  kBuiltinMethod,    // mm_class where ml_flags has METH_METHOD
  kElement,          // xml.etree's: tag, text and tail tagged in their low bit, children in a C array
  kTeeData,
  kSimpleQueue,
  kHamtBitmap,
  kHamtArray,
  kHamtCollision,
  kMemoryView,
};

constexpr std::uint32_t version(unsigned major, unsigned minor, unsigned micro = 0) {
  return major << 24 | minor << 16 | micro << 8;
}

// `visits` and `owns` are field paths of `structure`, separated by spaces, in the order of tp_traverse (first of
// alternatives first). A field that the version's struct does not have is passed over. A field may carry bounds:
// "dict@3.10" visited from 3.10 on, "wbits@-3.12" only before 3.12.
struct CTypeRow {
  std::string_view type;        // __module__ + "." + __qualname__, builtins spelled out; several rows may serve one type
  std::uint32_t since = 0;      // first hexversion this row is for, 0: any
  std::uint32_t until = 0;      // first hexversion it is no longer for, 0: any
  std::string_view structure;   // C name as the debug information has it: "partialobject"
  std::string_view visits;      // what gc.get_referents gives
  std::string_view owns = {};   // owned references that tp_traverse does not tell
  Body body = Body::kNone;      // read after the fields
  std::uint32_t visits_type_since = 0;  // from this hexversion on tp_traverse visits Py_TYPE(self) too; 0: never
};

// The C state behind module objects whose definition has m_traverse: fields as above, of the struct at md_state.
struct ModuleStateRow {
  std::string_view module;      // md_name
  std::uint32_t since = 0;
  std::uint32_t until = 0;
  std::string_view structure;
  std::string_view visits;
};

// How a C __sizeof__ computes, by the type in whose dict it stands. Every rule gives the size without what stands
// in front of the object (collector head, dict and weak list pointers), which sys.getsizeof adds.
enum class SizeRule : std::uint8_t {
  kObject,       // object.__sizeof__: tp_basicsize + tp_itemsize * |ob_size|
  kType,         // heap type: sizeof(PyHeapTypeObject) + the cached keys' table; static type: sizeof(PyTypeObject)
  kList,         // tp_basicsize + 8 * allocated
  kDict,         // tp_basicsize + values array of a split table + the keys table where nobody shares it
  kSet,          // sizeof(PySetObject) + 16 * (mask + 1) where the table is not the small one
  kStr,          // header by form, (length + 1) * kind, a separate UTF-8 or wchar_t copy
  kByteArray,    // tp_basicsize + ob_alloc
  kInt,          // header + 4 * digits
  kCode,         // sizeof + code units, caches, co_extra
  kFrame,        // tp_basicsize + 8 * (localsplus and stack)
  kGenerator,    // tp_basicsize + 8 * (co_nlocalsplus + co_stacksize), 3.11+
  kDeque,        // tp_basicsize + sizeof(block) * blocks
  kOrderedDict,  // kDict + 8 * od_fast_nodes_size + sizeof(_ODictNode) * len
  kArray,        // tp_basicsize + allocated * itemsize of the descr
  kBytesIO,      // tp_basicsize + getsizeof(buf) where nobody else holds buf
  kBuffered,     // tp_basicsize + buffer_size where there is a buffer
};

struct SizeRow {
  std::string_view owner;  // the type whose dict has the __sizeof__, as module.qualname
  SizeRule rule;
};

std::span<const SizeRow> size_rows();
std::span<const CTypeRow> c_type_rows();
std::span<const ModuleStateRow> module_state_rows();

}  // namespace heapglass
