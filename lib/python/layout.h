// Where the fields of CPython's structs are, in one process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/target/structs.h"

namespace heapglass {

constexpr std::int32_t kAbsent = -1;

// Offsets in bytes; kAbsent where this version has no such field. `size` is sizeof, kAbsent where unknown.
// The rows are fields.def.
struct PyLayout {
#define STRUCT(member, names) \
  struct {                    \
    std::int32_t size = kAbsent;
#define FIELD(member, paths) std::int32_t member = kAbsent;
#define END_STRUCT(member) \
  }                        \
  member;
#include "lib/python/fields.def"
#undef STRUCT
#undef FIELD
#undef END_STRUCT
};

// The names of every struct of fields.def, alternatives apart: what a StructSource has to look for.
std::vector<std::string> layout_struct_names();

// Sources of one process's layout, most trusted first.
using LayoutSourceList = std::vector<std::shared_ptr<const StructSource>>;

// Several sources as one: each field is taken from the first that knows it.
class LayoutSources {
 public:
  explicit LayoutSources(LayoutSourceList sources) : sources_(std::move(sources)) {}

  // Offset of a field, or nullopt. `names` and `paths` are alternatives by '|'.
  std::optional<FieldLayout> field(std::string_view names, std::string_view paths) const;
  std::optional<std::uint64_t> size(std::string_view names) const;
  const LayoutSourceList& sources() const { return sources_; }

 private:
  LayoutSourceList sources_;
};

// A field on which two sources differ: reason to trust neither.
struct LayoutConflict {
  std::string field;        // "PyDictObject.ma_keys"
  std::uint64_t first = 0;  // what the more trusted source says
  std::uint64_t second = 0;
  std::string first_source, second_source;
};

struct LoadedLayout {
  PyLayout layout;
  std::vector<LayoutConflict> conflicts;
};

// Reads every field of fields.def. Offsets beyond 2^31 are passed over.
LoadedLayout load_layout(const LayoutSources& sources);

// One row of fields.def for tests and diagnostics.
struct LayoutField {
  std::string_view names, paths, member;  // member: "PyDictObject.ma_keys"
  std::int32_t offset;                    // as loaded; kAbsent
};
std::vector<LayoutField> layout_fields(const PyLayout& layout);

}  // namespace heapglass
