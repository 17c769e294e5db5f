#include "lib/python/versions.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kManagedWeakref = 1u << 3, kManagedDict = 1u << 4;

// To add a version: the row here, its layout table in layouts/ (unless it describes itself), the interpreter
// in scripts/pythons; then scripts/exactness shows what is left.
constexpr Version kVersions[] = {
    {3, 7, {.type_edge_always = true, .int_size_ignores_basicsize = true}},
    {3, 8, {.type_edge_always = true, .int_size_ignores_basicsize = true}},
    {3, 9, {.int_size_ignores_basicsize = true}},
    {3, 10, {.int_size_ignores_basicsize = true}},
    {3,
     11,
     {.values = Values::kPreHeaderPair,
      .frames = Frames::kInterpreter,
      .log2_keys = true,
      .pre_header_flags = kManagedDict,
      .static_types_count_gc_head = true,
      .cframe = true,
      .gen_frame_cleared = 4,
      .gen_cleared_at_or_above = true,
      .generator_visits_gi_code = true,
      .int_size_ignores_basicsize = true,
      .int_zero_has_digit = true}},
    {3,
     12,
     {.values = Values::kTaggedWord,
      .frames = Frames::kInterpreter,
      .log2_keys = true,
      .pre_header_flags = kManagedDict | kManagedWeakref,
      .static_types_count_gc_head = true,
      .cframe = true,
      .shim_owner = 3,
      .immortal_objects = true,
      .static_type_state = true,
      .int_tag = true,
      .gen_frame_cleared = 4,
      .gen_cleared_at_or_above = true}},
    {3,
     13,
     {.values = Values::kInline,
      .frames = Frames::kInterpreter,
      .log2_keys = true,
      .pre_header_flags = kManagedDict | kManagedWeakref,
      .shim_owner = 3,
      .immortal_objects = true,
      .static_type_state = true,
      .int_tag = true,
      .gen_frame_cleared = 4,
      .gen_cleared_at_or_above = true,
      .structseq_by_basicsize = true}},
    {3,
     14,
     {.values = Values::kInline,
      .frames = Frames::kInterpreter,
      .log2_keys = true,
      .dict_visits_inline_values = true,
      .pre_header_flags = kManagedDict | kManagedWeakref,
      .shim_owner = 3,
      .tagged_stack_refs = true,
      .refcount_is_32_bit = true,
      .immortal_objects = true,
      .static_type_state = true,
      .int_tag = true,
      .gen_frame_cleared = 4,
      .gen_cleared_at_or_above = true,
      .gen_keeps_code = true,
      .structseq_by_basicsize = true}},
    {3,
     15,
     {.values = Values::kInline,
      .frames = Frames::kInterpreter,
      .log2_keys = true,
      .dict_visits_inline_values = true,
      .pre_header_flags = kManagedDict | kManagedWeakref,
      .shim_owner = 3,
      .tagged_stack_refs = true,
      .refcount_is_32_bit = true,
      .immortal_objects = true,
      .static_type_state = true,
      .int_tag = true,
      .gen_frame_cleared = 5,
      .gen_cleared_at_or_above = true,
      .gen_keeps_code = true,
      .structseq_by_basicsize = true}},
};

}  // namespace

std::string version_text(std::uint32_t hexversion) {
  std::string text = std::to_string(hexversion >> 24) + "." + std::to_string(hexversion >> 16 & 255) + "." +
                     std::to_string(hexversion >> 8 & 255);
  switch (hexversion >> 4 & 15) {
    case 0xa:
      return text + "a" + std::to_string(hexversion & 15);
    case 0xb:
      return text + "b" + std::to_string(hexversion & 15);
    case 0xc:
      return text + "rc" + std::to_string(hexversion & 15);
    default:
      return text;
  }
}

std::span<const Version> supported_versions() { return kVersions; }

bool rules_for(std::uint32_t hexversion, Rules& out) {
  for (const Version& v : kVersions) {
    if (hexversion >> 16 != (std::uint32_t{v.major} << 8 | v.minor)) continue;
    out = v.rules;
    // gh-130327: 3.13.0 does not have it, 3.13.5 does; 3.13.3 is the first release after its date.
    if (v.minor == 13) out.dict_visits_inline_values = hexversion >= hexversion_of(3, 13, 3);
    return true;
  }
  return false;
}

}  // namespace heapglass
