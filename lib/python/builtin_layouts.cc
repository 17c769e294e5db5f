#include "lib/python/builtin_layouts.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "lib/python/c_types.h"

namespace heapglass {
namespace {

// The releases of table.def by the names that its rows have for them, ascending.
enum Release : std::uint8_t {
#define RELEASE(name, major, minor, micro) name,
#include "lib/python/layouts/table.def"
};

constexpr std::uint32_t kReleases[] = {
#define RELEASE(name, major, minor, micro) version(major, minor, micro),
#include "lib/python/layouts/table.def"
};

// A row of table.def. It has no pointer to its name: the dynamic linker would have to relocate each.
struct Row {
  enum Kind : std::uint8_t { kStruct, kSize, kNoStruct, kField, kThen, kNoField };

  constexpr explicit Row(Kind k) : kind(k) {}
  constexpr Row(Kind k, Release from, std::uint32_t at = 0, std::uint32_t bytes = 0, std::uint8_t bit = 0,
                std::uint8_t bits = 0)
      : offset(at), size(bytes), bit_offset(bit), bit_size(bits), kind(k), since(from) {}

  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  std::uint8_t bit_offset = 0;
  std::uint8_t bit_size = 0;
  Kind kind;
  Release since{};
};

constexpr Row kRows[] = {
#define STRUCT(name) Row(Row::kStruct),
#define SIZE(since, size) Row(Row::kSize, since, 0, size),
#define NO_STRUCT(since) Row(Row::kNoStruct, since),
#define FIELD(path, since, ...) Row(Row::kField, since, __VA_ARGS__),
#define THEN(path, since, ...) Row(Row::kThen, since, __VA_ARGS__),
#define NO_FIELD(path, since) Row(Row::kNoField, since),
#include "lib/python/layouts/table.def"
};

// The names of the kStruct and kField rows in their order, each with a zero behind it.
constexpr char kTableNames[] =
#define STRUCT(name) name "\0"
#define FIELD(path, since, ...) path "\0"
#include "lib/python/layouts/table.def"
    ;

class Table final : public StructSource {
 public:
  explicit Table(Release release) : release_(release) {
    const char* name = kTableNames;
    std::string_view structure, path;
    StructLayout* layout = nullptr;  // of `structure`; nullptr until its size is known
    const Row* says = nullptr;       // what holds so far of `path` or, before the first, of the struct's size
    auto settle = [&] {
      if (says == nullptr || says->kind == Row::kNoStruct || says->kind == Row::kNoField) return;
      if (says->kind == Row::kSize) {
        layout = &structs_.try_emplace(structs_.end(), std::string(structure))->second;
        layout->size = says->size;
      } else if (layout != nullptr) {
        layout->fields.try_emplace(layout->fields.end(), std::string(path),
                                   FieldLayout{says->offset, says->size, says->bit_offset, says->bit_size});
      }
    };
    auto next_name = [&] {
      const std::string_view next(name);
      name += next.size() + 1;
      return next;
    };
    for (const Row& row : kRows) {
      if (row.kind == Row::kStruct || row.kind == Row::kField) {
        settle();
        says = nullptr;
        (row.kind == Row::kStruct ? structure : path) = next_name();
      }
      if (row.kind == Row::kStruct) {
        layout = nullptr;
      } else if (row.since <= release) {
        says = &row;
      }
    }
    settle();
  }

  const StructLayout* find(std::string_view name) const override {
    const auto at = structs_.find(name);
    return at == structs_.end() ? nullptr : &at->second;
  }
  std::string description() const override {
    const std::uint32_t hexversion = kReleases[release_];
    return "built-in table for " + std::to_string(hexversion >> 24) + "." +
           std::to_string(hexversion >> 16 & 0xff) + "." + std::to_string(hexversion >> 8 & 0xff);
  }

 private:
  Release release_;
  std::map<std::string, StructLayout, std::less<>> structs_;
};

// Made when first asked for, kept for good.
std::shared_ptr<const StructSource> table(std::size_t release) {
  static std::mutex mutex;
  static std::map<std::size_t, std::shared_ptr<const Table>> tables;
  std::lock_guard lock(mutex);
  auto& made = tables[release];
  if (!made) made = std::make_shared<const Table>(static_cast<Release>(release));
  return made;
}

}  // namespace

std::shared_ptr<const StructSource> builtin_layout(std::uint32_t hexversion, bool py_debug) {
  if (py_debug) return nullptr;
  for (std::size_t i = 0; i < std::size(kReleases); ++i)
    if (kReleases[i] >> 8 == hexversion >> 8) return table(i);
  return nullptr;
}

LayoutSourceList builtin_layouts_of_minor(std::uint32_t hexversion, bool py_debug) {
  if (py_debug) return {};
  std::vector<std::size_t> near;
  for (std::size_t i = 0; i < std::size(kReleases); ++i)
    if (kReleases[i] >> 16 == hexversion >> 16) near.push_back(i);
  auto distance = [&](std::size_t i) {
    return std::abs(static_cast<int>(kReleases[i] >> 8 & 0xff) - static_cast<int>(hexversion >> 8 & 0xff));
  };
  std::stable_sort(near.begin(), near.end(),
                   [&](std::size_t a, std::size_t b) { return distance(a) < distance(b); });
  LayoutSourceList tables;
  tables.reserve(near.size());
  for (const std::size_t release : near) tables.push_back(table(release));
  return tables;
}

std::span<const std::uint32_t> builtin_layout_versions() { return kReleases; }

}  // namespace heapglass
