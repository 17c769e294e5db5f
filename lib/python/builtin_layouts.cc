#include "lib/python/builtin_layouts.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

#include "lib/python/c_types.h"

namespace heapglass {
namespace {

// A row of a table: one field, or with an empty path the struct's size.
struct Row {
  const char* structure;
  const char* path;
  std::uint32_t offset;
  std::uint32_t size;
  std::uint8_t bit_offset = 0;
  std::uint8_t bit_size = 0;
};

constexpr Row k3_7_16[] = {
#include "lib/python/layouts/v3_7_16.inc"
};
constexpr Row k3_8_18[] = {
#include "lib/python/layouts/v3_8_18.inc"
};
constexpr Row k3_9_2[] = {
#include "lib/python/layouts/v3_9_2.inc"
};
constexpr Row k3_9_18[] = {
#include "lib/python/layouts/v3_9_18.inc"
};
constexpr Row k3_10_13[] = {
#include "lib/python/layouts/v3_10_13.inc"
};
constexpr Row k3_11_2[] = {
#include "lib/python/layouts/v3_11_2.inc"
};
constexpr Row k3_11_7[] = {
#include "lib/python/layouts/v3_11_7.inc"
};
constexpr Row k3_12_1[] = {
#include "lib/python/layouts/v3_12_1.inc"
};
constexpr Row k3_13_0[] = {
#include "lib/python/layouts/v3_13_0.inc"
};
constexpr Row k3_13_5[] = {
#include "lib/python/layouts/v3_13_5.inc"
};
constexpr Row k3_13_18[] = {
#include "lib/python/layouts/v3_13_18.inc"
};
constexpr Row k3_14_0[] = {
#include "lib/python/layouts/v3_14_0.inc"
};
constexpr Row k3_14_4[] = {
#include "lib/python/layouts/v3_14_4.inc"
};
constexpr Row k3_14_10[] = {
#include "lib/python/layouts/v3_14_10.inc"
};
constexpr Row k3_15_2[] = {
#include "lib/python/layouts/v3_15_2.inc"
};

struct Source {
  std::uint32_t hexversion;
  std::span<const Row> rows;
};

// To add a version: scripts/make-layout VERSION ELF... writes its row list; include it above, name it here,
// ascending.
// clang-format off
constexpr Source kSources[] = {
    {version(3, 7, 16), k3_7_16},
    {version(3, 8, 18), k3_8_18},
    {version(3, 9, 2), k3_9_2},
    {version(3, 9, 18), k3_9_18},
    {version(3, 10, 13), k3_10_13},
    {version(3, 11, 2), k3_11_2},
    {version(3, 11, 7), k3_11_7},
    {version(3, 12, 1), k3_12_1},
    {version(3, 13, 0), k3_13_0},
    {version(3, 13, 5), k3_13_5},
    {version(3, 13, 18), k3_13_18},
    {version(3, 14, 0), k3_14_0},
    {version(3, 14, 4), k3_14_4},
    {version(3, 14, 10), k3_14_10},
    {version(3, 15, 2), k3_15_2},
};
// clang-format on

class Table final : public StructSource {
 public:
  explicit Table(const Source& source) : hexversion_(source.hexversion) {
    for (const Row& row : source.rows) {
      StructLayout& layout = structs_[row.structure];
      if (row.path[0] == '\0') {
        layout.size = row.size;
      } else {
        layout.fields[row.path] = {row.offset, row.size, row.bit_offset, row.bit_size};
      }
    }
  }

  const StructLayout* find(std::string_view name) const override {
    const auto at = structs_.find(name);
    return at == structs_.end() ? nullptr : &at->second;
  }
  std::string description() const override {
    return "built-in table for " + std::to_string(hexversion_ >> 24) + "." +
           std::to_string(hexversion_ >> 16 & 0xff) + "." + std::to_string(hexversion_ >> 8 & 0xff);
  }

 private:
  std::uint32_t hexversion_;
  std::map<std::string, StructLayout, std::less<>> structs_;
};

// Made when first asked for, kept for good.
const StructSource* table(const Source& source) {
  static std::mutex mutex;
  static std::map<std::uint32_t, Table> tables;
  std::lock_guard lock(mutex);
  return &tables.try_emplace(source.hexversion, source).first->second;
}

}  // namespace

const StructSource* builtin_layout(std::uint32_t hexversion, bool py_debug) {
  if (py_debug) return nullptr;
  for (const Source& source : kSources)
    if (source.hexversion >> 8 == hexversion >> 8) return table(source);
  return nullptr;
}

std::vector<const StructSource*> builtin_layouts_of_minor(std::uint32_t hexversion, bool py_debug) {
  if (py_debug) return {};
  std::vector<const Source*> near;
  for (const Source& source : kSources)
    if (source.hexversion >> 16 == hexversion >> 16) near.push_back(&source);
  auto distance = [&](const Source* s) {
    return std::abs(static_cast<int>(s->hexversion >> 8 & 0xff) - static_cast<int>(hexversion >> 8 & 0xff));
  };
  std::stable_sort(near.begin(), near.end(),
                   [&](const Source* a, const Source* b) { return distance(a) < distance(b); });
  std::vector<const StructSource*> tables;
  for (const Source* source : near) tables.push_back(table(*source));
  return tables;
}

std::span<const std::uint32_t> builtin_layout_versions() {
  static constexpr auto kVersions = [] {
    std::array<std::uint32_t, std::size(kSources)> versions{};
    for (std::size_t i = 0; i < versions.size(); ++i) versions[i] = kSources[i].hexversion;
    return versions;
  }();
  return kVersions;
}

}  // namespace heapglass
