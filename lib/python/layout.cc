#include "lib/python/layout.h"

#include <limits>

namespace heapglass {
namespace {

template <class Visit>  // stops at the first alternative for which visit returns true
bool any_alternative(std::string_view alternatives, Visit visit) {
  while (true) {
    const std::size_t bar = alternatives.find('|');
    if (visit(alternatives.substr(0, bar))) return true;
    if (bar == std::string_view::npos) return false;
    alternatives.remove_prefix(bar + 1);
  }
}

const StructLayout* find_struct(const StructSource& source, std::string_view names) {
  const StructLayout* found = nullptr;
  any_alternative(names, [&](std::string_view name) { return (found = source.find(name)) != nullptr; });
  return found;
}

const FieldLayout* find_field(const StructLayout& structure, std::string_view paths) {
  const FieldLayout* found = nullptr;
  any_alternative(paths, [&](std::string_view path) {
    const auto at = structure.fields.find(path);
    if (at != structure.fields.end()) found = &at->second;
    return found != nullptr;
  });
  // The head of an object may stand flat or nested, as the struct was declared.
  if (!found) {
    for (const char* head : {"ob_base.", "ob_base.ob_base."}) {
      const auto at = structure.fields.find(std::string(head).append(paths));
      if (at != structure.fields.end()) return &at->second;
    }
  }
  return found;
}

}  // namespace

std::vector<std::string> layout_struct_names() {
  std::vector<std::string> all;
  auto add = [&](std::string_view names) {
    any_alternative(names, [&](std::string_view name) {
      all.emplace_back(name);
      return false;
    });
  };
#define STRUCT(member, names) add(names);
#define FIELD(member, paths)
#define END_STRUCT(member)
#include "lib/python/fields.def"
#undef STRUCT
#undef FIELD
#undef END_STRUCT
  return all;
}

std::optional<FieldLayout> LayoutSources::field(std::string_view names, std::string_view paths) const {
  for (const auto& source : sources_)
    if (const StructLayout* structure = find_struct(*source, names))
      if (const FieldLayout* found = find_field(*structure, paths)) return *found;
  return std::nullopt;
}

std::optional<std::uint64_t> LayoutSources::size(std::string_view names) const {
  for (const auto& source : sources_)
    if (const StructLayout* structure = find_struct(*source, names); structure && structure->size)
      return structure->size;
  return std::nullopt;
}

LoadedLayout load_layout(const LayoutSources& sources) {
  LoadedLayout loaded;
  auto settle = [&](std::int32_t& out, const std::string& field, auto look_up) {
    const StructSource* known_by = nullptr;
    std::uint64_t known = 0;
    for (const auto& source : sources.sources()) {
      const std::optional<std::uint64_t> said = look_up(*source);
      if (!said || *said > std::uint64_t{std::numeric_limits<std::int32_t>::max()}) continue;
      if (!known_by) {
        known_by = source.get();
        known = *said;
        out = static_cast<std::int32_t>(known);
      } else if (*said != known) {
        loaded.conflicts.push_back({field, known, *said, known_by->description(), source->description()});
      }
    }
  };
  std::string_view structure_names;
  auto settle_size = [&](std::int32_t& out, const char* member, std::string_view names) {
    structure_names = names;
    settle(out, std::string("sizeof ") + member,
           [&](const StructSource& source) -> std::optional<std::uint64_t> {
             const StructLayout* s = find_struct(source, names);
             if (!s || s->size == 0) return std::nullopt;
             return s->size;
           });
  };
  auto settle_field = [&](std::int32_t& out, std::string field, std::string_view paths) {
    settle(out, std::move(field), [&](const StructSource& source) -> std::optional<std::uint64_t> {
      const StructLayout* s = find_struct(source, structure_names);
      const FieldLayout* f = s ? find_field(*s, paths) : nullptr;
      if (!f) return std::nullopt;
      return f->offset;
    });
  };
#define STRUCT(member, names)               \
  {                                         \
    auto& structure = loaded.layout.member; \
    const std::string prefix = #member "."; \
    settle_size(structure.size, #member, names);
#define FIELD(member, paths) settle_field(structure.member, prefix + #member, paths);
#define END_STRUCT(member) }
#include "lib/python/fields.def"
#undef STRUCT
#undef FIELD
#undef END_STRUCT
  return loaded;
}

std::vector<LayoutField> layout_fields(const PyLayout& layout) {
  std::vector<LayoutField> rows;
  std::string_view structure_names;
#define STRUCT(member, names)              \
  {                                        \
    const auto& structure = layout.member; \
    structure_names = names;
#define FIELD(member, paths) rows.push_back({structure_names, paths, #member, structure.member});
#define END_STRUCT(member) }
#include "lib/python/fields.def"
#undef STRUCT
#undef FIELD
#undef END_STRUCT
  return rows;
}

}  // namespace heapglass
