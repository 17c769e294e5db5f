// The supported versions and what sets them apart beyond offsets. Nobody else compares version numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace heapglass {

// hexversion as CPython's own PY_VERSION_HEX: 0x030c01f0 is 3.12.1 final.
constexpr std::uint32_t hexversion_of(unsigned major, unsigned minor, unsigned micro = 0) {
  return major << 24 | minor << 16 | micro << 8;
}
// "3.10", "3.13.5"; what is not a number counts as 0.
std::uint32_t parse_hexversion(std::string_view text);
// Whether a release is one of [since, until); 0: no bound.
bool is_in_range(std::uint32_t hexversion, std::uint32_t since, std::uint32_t until = 0);

// What the tp_traverse of a release does with a field, by the bounds behind the field's name.
enum class FieldUse : std::uint8_t {
  kVisited,
  kOwned,  // it holds a reference and does not visit it
  kNone,   // there is no such field, or it is no object
};
// "3.10": visited from then on, owned before. "-3.12": before then, nothing later. "!3.14.0": owned in that
// release, whatever stands before. Several are separated by @; none: visited in all releases.
FieldUse field_use(std::string_view bounds, std::uint32_t hexversion);
std::string version_text(std::uint32_t hexversion);  // "3.12.1", "3.15.0b2"

// Where an instance of a Python class keeps its attributes.
enum class Values : std::uint8_t {
  kDictPointer,    // 3.7-3.10: a dict at tp_dictoffset, always
  kPreHeaderPair,  // 3.11: values pointer and dict pointer in front of the GC head
  kTaggedWord,     // 3.12: one word in front of the GC head, odd: values, even: dict
  kInline,         // 3.13+: a dict pointer in front, the values behind the object
};

// What a running frame is.
enum class Frames : std::uint8_t {
  kObjects,      // 3.7-3.10: PyFrameObject chained by f_back
  kInterpreter,  // 3.11+: _PyInterpreterFrame, an object only where somebody asked
};

struct VersionTraits {
  Values values = Values::kDictPointer;
  Frames frames = Frames::kObjects;
  bool log2_keys = false;  // 3.11+: PyDictKeysObject with dk_log2_size, dk_kind
  // A dict over a live object's inline values: does the dict tell them and the object only the dict
  // (gh-130327), or the object the values and the dict nothing? By the release, and apply_backports().
  bool dict_visits_inline_values = false;
  std::uint64_t pre_header_flags = 0;       // tp_flags of which any adds two words in front of the GC head
  bool static_types_count_gc_head = false;  // sys.getsizeof of a static type adds a GC head it does not have
  bool type_edge_always = false;            // to 3.8 subtype_traverse visits the type whatever the base does
  bool cframe = false;                      // current frame through tstate.cframe
  bool frames_tell_entry = false;           // 3.11: is_entry, in the byte before the owner
  std::uint8_t shim_owner = 0;  // frames with an owner from here on are entry shims of the C stack; 0: none
  bool tagged_stack_refs = false;   // 3.14+: frame slots are _PyStackRef
  bool refcount_is_32_bit = false;  // 3.14+: the upper half of the word holds flags
  bool immortal_objects = false;    // 3.12+: a refcount whose lower half is negative never changes
  bool static_type_state =
      false;             // 3.12+: dict and subclasses of builtin static types live in the interpreter
  bool int_tag = false;  // 3.12+: lv_tag in place of a signed ob_size
  std::int8_t gen_frame_cleared = 0;      // gi_frame_state: the generator has no frame any more if (state
  bool gen_cleared_at_or_above = false;   // >= cleared) or, where false, (state == cleared)
  std::int8_t gen_yield_from_state = 0;   // 3.13+: gi_frame_state at a yield from or await
  bool gen_keeps_code = false;            // 3.14+: a finished generator's frame still gives its executable
  bool generator_visits_gi_code = false;  // 3.11: and the frame's code again
  bool structseq_by_basicsize = false;    // 3.13+: hidden fields of a struct sequence counted from basicsize
  bool int_size_ignores_basicsize = false;  // to 3.11
  bool obmalloc_by_pointer = false;         // 3.13+: an interpreter points to its allocator's state
  bool has_mimalloc = false;                // 3.13+: PYTHONMALLOC=mimalloc, of its own
  bool tracemalloc_names_are_c = false;     // 3.15: file names of traces are char *, not str
  bool large_pools = false;                 // 3.10+: pools of 16 KiB in arenas of 1 MiB, not 4 in 256
  bool int_zero_has_digit = false;          // sizeof of 0 counts a digit (3.11.? on)
  bool exports_version = false;             // 3.11+: the symbol Py_Version
  bool structseq_has_traverse = false;      // 3.8+: struct sequences have a tp_traverse of their own
  bool lru_links_visit_type = false;      // 3.10+: links of functools.lru_cache are instances of a heap type
  bool sqlite_cache_is_visited = false;   // 3.10+: sqlite3's cache visits its nodes
  bool pickle_memo_is_visited = false;    // Pickler and Unpickler visit their memo: 3.11.7+ and 3.12.1+
  bool atexit_list = false;               // 3.14+: callbacks of atexit are a list, not a C array
  bool metaclass_counts_gc_head = false;  // 3.13+: so does sys.getsizeof of a static type with a metaclass
  bool weakref_repr_has_whole_name = false;  // 3.13+: repr of a weak reference gives the type's module too
  bool shared_descriptors = false;           // 3.15+: object's __dict__ and __weakref__ are every class'
};

struct Version {
  std::uint8_t major, minor;
  VersionTraits rules;
};

// The row for a hexversion with what the micro release changes applied, or nullptr.
bool rules_for(std::uint32_t hexversion, VersionTraits& out);
std::span<const Version> supported_versions();

// A rule of a later release that a distribution has taken into an earlier one: `sys_version` is the text of
// sys.version, whose day of build is all that tells such a build from the release as it was.
void apply_backports(std::uint32_t hexversion, std::string_view sys_version, VersionTraits& rules);

}  // namespace heapglass
