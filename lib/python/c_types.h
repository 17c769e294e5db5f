// The C types of the interpreter and its standard library: which fields their tp_traverse visits.
// Data only; type_plans.cc joins a row with the struct's layout and the type found in the process.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "lib/python/versions.h"

namespace heapglass {

// What an object refers to beyond fixed fields: one reader each in references.h. All visited where nothing
// else is said; the fields named are those of the row's structure.
enum class TraverseRule : std::uint8_t {
  kNone,
  kTuple,           // also subclasses of tuple
  kStructSequence,  // 3.8+: a tuple whose real length is n_fields, not ob_size; 3.9+: visits its type too if
                    // that is a heap type. Every type with sys.version_info's tp_traverse is one (3.7:
                    // tuple's)
  kList,
  kDict,
  kSet,
  kDeque,
  kOrderedDict,  // its own nodes' keys, then the dict's
  kType,
  kModule,  // md_dict, md_name, then the C state by module_state_rows()
  kCode,    // 3.12+, owned: _co_code _co_varnames _co_cellvars _co_freevars of *_co_cached, if not null
  kFrame,
  kGenerator,      // 3.11+: the frame inside; also coroutines and async generators
  kLruCache,       // the ring of links
  kBuiltinMethod,  // mm_class where ml_flags has METH_METHOD
  kElement,        // xml.etree's: text and tail tagged in their low bit, children in a C array, attrib
  kTeeData,
  kSimpleQueue,
  kHamtBitmap,
  kHamtArray,
  kHamtCollision,
  kMemoryView,
  // ctypes' metaclasses; then as kType. To 3.12: where the type of tp_dict is StgDict, its
  // StgDictObject.proto. From 3.13 on the StgInfo that lies behind the type object, at the tp_basicsize of
  // `type` rounded up to 16, if StgInfo.initialized: proto argtypes converters restype checker module and,
  // from 3.14 on, pointer_type.
  kCTypesType,
  kPickler,    // memo not null: me_key of memo->mt_table[0..mt_allocated), some null; visited from 3.11.7 on,
               // but not in 3.12.0 (bpo-41422), owned before
  kUnpickler,  // memo not null: memo[0..memo_size), some null; visited and owned as kPickler's
  kSqliteConnection,  // 3.11+: callable module of *trace_ctx *progress_ctx *authorizer_ctx (each a
                      // callback_context*)
  kSqliteCache,       // each pysqlite_Node from first by next
  kXmlParser,         // handlers[0..22) that are not null
  kElementIterator,   // parent of parent_stack[0..parent_stack_used), 16 bytes each, the parent first
  kRegexTemplate,     // literal of items[0..ob_size) that are not null, 16 bytes each, the literal at 8
  kCapsule,   // 3.13+: where traverse_func is not null and `name` is "_socket.CAPI" or "_curses._C_API", the
              // first word at `pointer`, a type. Anybody else's traverse_func is code of theirs
  kExecutor,  // to 3.14, executors of the JIT: executor of exits[0..exit_count)
  // numpy's arrays, owned: the items of one that owns its data, where they are objects or have fields that
  // are.
  kNumpyArray,
  kStringWriter,  // 3.14+, owned: buffer of the _PyUnicodeWriter at `writer`, where it is not null
  kTimeZone,      // owned: tzinfo, only where hastzinfo is not 0 (the object ends before it otherwise)
  kMethodCaller,  // 3.13, owned: vectorcall_kwnames, only where vectorcall_args is not null: until the first
                  // call nobody has written it
  // For module states only:
  kAtexit,        // to 3.9: func args kwargs of *atexit_callbacks[0..ncallbacks), null pointers in between
  kDecimalState,  // ex of signal_map[] and cond_map[] up to the first whose name is null, but not cond_map[0]
  kZoneInfoState,  // key and zone of each StrongCacheNode from ZONEINFO_STRONG_CACHE by next
};

// Short, for the rows of the table.
constexpr std::uint32_t version(unsigned major, unsigned minor, unsigned micro = 0) {
  return hexversion_of(major, minor, micro);
}

// Memory of an object that its __sizeof__ says nothing of.
enum class BufferRule : std::uint8_t {
  kNone,
  kMmap,   // `size` bytes at `data`, where it is not closed (data not null)
  kNumpy,  // what an array of numpy owns, where its __sizeof__, which counts it, was not run
  kCData,  // ctypes: b_size bytes at b_ptr where b_needsfree, the object's own and not a view of another's
};

// `visits` and `owns` are field paths of `structure`, separated by spaces, in the order of tp_traverse.
// Structure and paths may be alternatives by '|'. A field that the version's struct does not have is passed
// over. "+48=base" is the word 48 bytes from an object with a head of two words, called base: for types of
// extensions, whose structs no debug information tells. A field may carry bounds: "dict@3.10" visited
// from 3.10 on and owned before, "wbits@-3.12" only before 3.12 and nothing later, "name@3.13.10@!3.14.0"
// from 3.13.10 on but not in 3.14.0; the bounds are the first of the releases at hand that has it so. Where
// the type is no collector's (no HAVE_GC in this version) everything in `visits` is owned instead.
struct CTypeRow {
  // __module__ + "." + __qualname__, builtins spelled out. A type may have several rows, one a version.
  std::string_view type;
  std::uint32_t since = 0;                  // first hexversion this row is for, 0: any
  std::uint32_t until = 0;                  // first hexversion it is no longer for, 0: any
  std::string_view structure = {};          // C name as the debug information has it: "partialobject"
  std::string_view visits = {};             // what gc.get_referents gives
  std::string_view owns = {};               // owned references that tp_traverse does not tell
  TraverseRule body = TraverseRule::kNone;  // read after the fields
  // From this hexversion on tp_traverse visits Py_TYPE(self) too; 0: never.
  std::uint32_t visits_type_since = 0;
  BufferRule buffer = BufferRule::kNone;
};

// The C state behind module objects whose definition has m_traverse: fields as above, of the struct at
// md_state.
struct ModuleStateRow {
  std::string_view module;  // md_name
  std::uint32_t since = 0;
  std::uint32_t until = 0;
  std::string_view structure = {};  // empty: `visits` are offsets, for structs whose name several modules use
  std::string_view visits = {};     // "+16" is the word 16 bytes from the start
  TraverseRule body = TraverseRule::kNone;
  bool visits_type = false;  // m_traverse visits Py_TYPE(module) too
};

// How a C __sizeof__ computes, by the type in whose dict it stands. Every rule gives the size without what
// stands in front of the object (collector head, dict and weak list pointers), which sys.getsizeof adds.
enum class SizeRule : std::uint8_t {
  kObject,  // object.__sizeof__: tp_basicsize + tp_itemsize * |ob_size|
  kType,    // heap type: sizeof(PyHeapTypeObject) + the cached keys' table; static type: sizeof(PyTypeObject)
  kList,    // tp_basicsize + 8 * allocated
  kDict,    // tp_basicsize + values array of a split table + the keys table where nobody shares it
  kSet,     // sizeof(PySetObject) + 16 * (mask + 1) where the table is not the small one
  kStr,     // header by form, (length + 1) * kind, a separate UTF-8 or wchar_t copy
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
  kPickler,    // tp_basicsize; memo: sizeof(PyMemoTable) + sizeof(PyMemoEntry) * mt_allocated; output_buffer:
               // what sys.getsizeof says of it, the collector's head (none: it is bytes) included
  kUnpickler,  // tp_basicsize; memo: 8 * memo_size; marks: 8 * marks_size; input_line, encoding and errors, C
               // strings: their length and 1 each. Nothing for what is null
  kStruct,     // tp_basicsize + sizeof(formatcode) * (1 + the entries of s_codes before the one with fmtdef
               // null)
  kElement,    // tp_basicsize; extra: sizeof(ElementObjectExtra), and 8 * allocated if children is not at
               // _children in it
  kDecimal,    // tp_basicsize, and 8 * dec.alloc if none of the bits 0xe0 of dec.flags (uint8) is set
  kIndices,    // combinations and combinations_with_replacement: tp_basicsize + 8 * r
  kPermutations,  // tp_basicsize + 8 * r + 8 * ob_size of the tuple pool
  kProduct,       // tp_basicsize + 8 * ob_size of the tuple pools
  kSimpleQueue,   // 3.15+: tp_basicsize + 8 * buf.items_cap
  kStgDict,       // to 3.12: kDict + sizeof(StgDictObject) - sizeof(PyDictObject) + the parts below of
                  // StgDictObject
  kCTypesType,    // 3.13+: the metaclass's tp_basicsize + tp_itemsize * |ob_size| + the parts below of the
                  // StgInfo (see TraverseRule::kCTypesType), if initialized. The parts: format, C string:
                  // length and 1; ffi_type_pointer.elements not null: 8 * (length + 1); 8 * ndim (an int)
};

struct SizeRow {
  std::string_view owner;  // the type whose dict has the __sizeof__, as module.qualname
  SizeRule rule;
};

// Does a type of this name, module.qualname, come with CPython? Its rows are complete then: a type without
// one refers to nothing that its tp_traverse does not tell.
bool is_of_standard_library(std::string_view type);

// Each of the fields that a `visits` or `owns` lists, with its bounds.
template <class Visit>
void each_listed_field(std::string_view fields, Visit visit) {
  while (!fields.empty()) {
    const std::size_t space = fields.find(' ');
    if (space != 0) visit(fields.substr(0, space));
    if (space == std::string_view::npos) return;
    fields.remove_prefix(space + 1);
  }
}

std::span<const SizeRow> size_rows();
std::span<const CTypeRow> c_type_rows();
std::span<const ModuleStateRow> module_state_rows();

}  // namespace heapglass
