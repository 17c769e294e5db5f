#include "lib/python/versions.h"

#include <charconv>
#include <cstdio>

namespace heapglass {
namespace {

constexpr std::uint64_t kManagedWeakref = 1u << 3, kManagedDict = 1u << 4;

// A version's rules are those of the one before and what it changed.
constexpr VersionTraits but(VersionTraits before, void (*change)(VersionTraits&)) {
  change(before);
  return before;
}

constexpr VersionTraits k3_7{.type_edge_always = true, .int_size_ignores_basicsize = true};
constexpr VersionTraits k3_8 = but(k3_7, [](VersionTraits& r) { r.structseq_has_traverse = true; });
constexpr VersionTraits k3_9 = but(k3_8, [](VersionTraits& r) { r.type_edge_always = false; });
constexpr VersionTraits k3_10 = but(k3_9, [](VersionTraits& r) {
  r.large_pools = true;
  r.lru_links_visit_type = true;
  r.sqlite_cache_is_visited = true;
});
constexpr VersionTraits k3_11 = but(k3_10, [](VersionTraits& r) {
  r.values = Values::kPreHeaderPair;
  r.frames = Frames::kInterpreter;
  r.log2_keys = true;
  r.pre_header_flags = kManagedDict;
  r.static_types_count_gc_head = true;
  r.cframe = true;
  r.frames_tell_entry = true;
  r.gen_frame_cleared = 4;
  r.gen_cleared_at_or_above = true;
  r.generator_visits_gi_code = true;
  r.int_zero_has_digit = true;
  r.exports_version = true;
});
constexpr VersionTraits k3_12 = but(k3_11, [](VersionTraits& r) {
  r.values = Values::kTaggedWord;
  r.pre_header_flags = kManagedDict | kManagedWeakref;
  r.frames_tell_entry = false;
  r.shim_owner = 3;
  r.immortal_objects = true;
  r.static_type_state = true;
  r.int_tag = true;
  r.generator_visits_gi_code = false;
  r.int_size_ignores_basicsize = false;
  r.int_zero_has_digit = false;  // int_tag says it
});
constexpr VersionTraits k3_13 = but(k3_12, [](VersionTraits& r) {
  r.values = Values::kInline;
  r.static_types_count_gc_head = false;
  r.cframe = false;
  r.structseq_by_basicsize = true;
  r.metaclass_counts_gc_head = true;
  r.weakref_repr_has_whole_name = true;
  r.obmalloc_by_pointer = true;
  r.has_mimalloc = true;
  r.gen_yield_from_state = -1;
});
constexpr VersionTraits k3_14 = but(k3_13, [](VersionTraits& r) {
  r.dict_visits_inline_values = true;
  r.tagged_stack_refs = true;
  r.refcount_is_32_bit = true;
  r.gen_keeps_code = true;
  r.atexit_list = true;
});
constexpr VersionTraits k3_15 = but(k3_14, [](VersionTraits& r) {
  r.gen_frame_cleared = 5;
  r.tracemalloc_names_are_c = true;
  r.shared_descriptors = true;
  r.gen_yield_from_state = 2;
});

// To add a version: what it changed above and the row here, its layout by scripts/make-layout, the version in
// scripts/supported-pythons; then scripts/exactness shows what is left.
constexpr Version kVersions[] = {
    {3, 7, k3_7},   {3, 8, k3_8},   {3, 9, k3_9},   {3, 10, k3_10}, {3, 11, k3_11},
    {3, 12, k3_12}, {3, 13, k3_13}, {3, 14, k3_14}, {3, 15, k3_15},
};

struct Backport {
  std::uint32_t hexversion;
  unsigned since_day;  // 20260613
  bool VersionTraits::*rule;
};
// Debian's 3.13.5-2+deb13u3 has gh-130327 (its changelog); nobody else builds a 3.13.5 a year after its time.
constexpr Backport kBackports[] = {
    {hexversion_of(3, 13, 5), 20260613, &VersionTraits::dict_visits_inline_values}};

// 20260810 of "3.13.5 (main, Aug 10 2026, 12:06:59) [GCC 14.2.0]"; 0 where it says no day.
unsigned day_of_build(std::string_view sys_version) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (std::size_t comma = sys_version.find(", "); comma != std::string_view::npos;
       comma = sys_version.find(", ", comma + 1)) {
    const std::string day(sys_version.substr(comma + 2, 11));  // as __DATE__ has it: "Aug  1 2026"
    char month[4] = {};
    unsigned of_month = 0, year = 0;
    if (std::sscanf(day.c_str(), "%3[A-Za-z] %2u %4u", month, &of_month, &year) != 3) continue;
    const std::size_t at = kMonths.find(month);
    if (at == std::string_view::npos || at % 3 != 0) continue;
    return year * 10000 + (static_cast<unsigned>(at) / 3 + 1) * 100 + of_month;
  }
  return 0;
}

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

std::uint32_t parse_hexversion(std::string_view text) {
  unsigned parts[3] = {0, 0, 0};
  for (unsigned& part : parts) {
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, part);
    if (error != std::errc() || rest == end) break;
    text = text.substr(static_cast<std::size_t>(rest - text.data()) + 1);
  }
  return hexversion_of(parts[0], parts[1], parts[2]);
}

bool is_in_range(std::uint32_t hexversion, std::uint32_t since, std::uint32_t until) {
  return hexversion >= since && (until == 0 || hexversion < until);
}

FieldUse field_use(std::string_view bounds, std::uint32_t hexversion) {
  FieldUse use = FieldUse::kVisited;
  while (!bounds.empty()) {
    const std::size_t next = bounds.find('@');
    std::string_view bound = bounds.substr(0, next);
    bounds = next == std::string_view::npos ? std::string_view() : bounds.substr(next + 1);
    if (bound.starts_with('!')) {
      if (hexversion >> 8 == parse_hexversion(bound.substr(1)) >> 8) use = FieldUse::kOwned;
      continue;
    }
    const bool until = bound.starts_with('-');
    if (until) bound.remove_prefix(1);
    const bool reached = hexversion >= parse_hexversion(bound);
    if (until && reached) return FieldUse::kNone;
    if (!until && !reached) use = FieldUse::kOwned;
  }
  return use;
}

std::span<const Version> supported_versions() { return kVersions; }

bool rules_for(std::uint32_t hexversion, VersionTraits& out) {
  for (const Version& v : kVersions) {
    if (hexversion >> 16 != (std::uint32_t{v.major} << 8 | v.minor)) continue;
    out = v.rules;
    // gh-130327: of 3.14 from .4 on (its NEWS), and as of the same day from 3.13.13 on. Looked
    // at: 3.13.0, 3.13.7 and 3.14.0 do not have it, 3.13.18, 3.14.4 and 3.14.10 do.
    if (v.minor == 13) out.dict_visits_inline_values = hexversion >= hexversion_of(3, 13, 13);
    if (v.minor == 14) out.dict_visits_inline_values = hexversion >= hexversion_of(3, 14, 4);
    out.pickle_memo_is_visited =
        hexversion >= hexversion_of(3, 11, 7) && hexversion >> 8 != hexversion_of(3, 12, 0) >> 8;
    return true;
  }
  return false;
}

void apply_backports(std::uint32_t hexversion, std::string_view sys_version, VersionTraits& rules) {
  for (const Backport& each : kBackports) {
    if (hexversion >> 8 == each.hexversion >> 8 && day_of_build(sys_version) >= each.since_day)
      rules.*each.rule = true;
  }
}

}  // namespace heapglass
