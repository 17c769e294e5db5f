#include "lib/python/builtin_layouts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/python/c_types.h"

namespace heapglass {
namespace {

const FieldLayout* field(const StructSource& source, const char* structure, const char* path) {
  const StructLayout* layout = source.find(structure);
  if (layout == nullptr) return nullptr;
  const auto at = layout->fields.find(path);
  return at == layout->fields.end() ? nullptr : &at->second;
}

// The rows of table.def as they stand there.
enum Release : std::uint8_t {
#define RELEASE(name, major, minor, micro) name,
#include "lib/python/layouts/table.def"
};

enum class Kind { kStruct, kSize, kNoStruct, kField, kThen, kNoField };

struct Row {
  Kind kind;
  const char* name;  // of a struct or a field; "" of a size
  Release since;
  FieldLayout layout;

  bool is_absent() const { return kind == Kind::kNoStruct || kind == Kind::kNoField; }
  bool is_of_size() const { return kind == Kind::kSize || kind == Kind::kNoStruct; }
};

constexpr Row kTable[] = {
#define STRUCT(name) {Kind::kStruct, name, {}, {}},
#define SIZE(since, size) {Kind::kSize, "", since, {0, size}},
#define NO_STRUCT(since) {Kind::kNoStruct, "", since, {}},
#define FIELD(path, since, ...) {Kind::kField, path, since, {__VA_ARGS__}},
#define THEN(path, since, ...) {Kind::kThen, path, since, {__VA_ARGS__}},
#define NO_FIELD(path, since) {Kind::kNoField, path, since, {}},
#include "lib/python/layouts/table.def"
};

constexpr const char* kReleaseNames[] = {
#define RELEASE(name, major, minor, micro) #name,
#include "lib/python/layouts/table.def"
};

bool same(const FieldLayout& a, const FieldLayout& b) {
  return a.offset == b.offset && a.size == b.size && a.bit_offset == b.bit_offset && a.bit_size == b.bit_size;
}

// One field of a struct, or with an empty path its size: its rows, in the order of the table.
struct Field {
  std::string_view structure, path;
  std::vector<const Row*> rows;

  const Row* in(std::size_t release) const {  // nullptr where the release has none
    const Row* last = nullptr;
    for (const Row* row : rows)
      if (row->since <= release) last = row;
    return last != nullptr && !last->is_absent() ? last : nullptr;
  }
};

std::vector<Field> fields_of_table() {
  std::vector<Field> fields;
  std::string_view structure;
  for (const Row& row : kTable) {
    if (row.kind == Kind::kStruct) {
      structure = row.name;
      continue;
    }
    if (fields.empty() || fields.back().structure != structure || fields.back().path != row.name)
      fields.push_back({structure, row.name, {}});
    fields.back().rows.push_back(&row);
  }
  return fields;
}

TEST(LayoutTable, IsSortedByStructAndPath) {
  std::optional<std::pair<std::string_view, std::string_view>> last;
  for (const Field& field : fields_of_table()) {
    const std::pair key(field.structure, field.path);
    if (last) {
      EXPECT_LT(*last, key);
    }
    // The size comes first: without one the struct is nowhere, and its fields as well.
    if (!last || last->first != key.first) {
      EXPECT_EQ(field.path, "") << field.structure;
    }
    last = key;
  }
  for (std::size_t i = 0; i + 1 < std::size(kTable); ++i) {
    if (kTable[i].kind == Kind::kStruct) {
      EXPECT_EQ(kTable[i + 1].kind, Kind::kSize) << kTable[i].name;
    }
  }
}

TEST(LayoutTable, NamesAFieldOnce) {
  for (const Field& field : fields_of_table()) {
    SCOPED_TRACE(std::string(field.structure) + "." + std::string(field.path));
    bool named = false;
    for (const Row* row : field.rows) {
      EXPECT_EQ(row->is_of_size(), field.path.empty());
      if (!row->is_of_size()) {
        EXPECT_EQ(row->kind == Kind::kField, !named) << kReleaseNames[row->since];
      }
      named = true;
    }
  }
}

TEST(LayoutTable, EveryRowSaysSomethingNew) {
  std::map<std::string_view, const Field*> sizes;
  const std::vector<Field> fields = fields_of_table();
  for (const Field& field : fields) {
    SCOPED_TRACE(std::string(field.structure) + "." + std::string(field.path));
    if (field.path.empty()) sizes[field.structure] = &field;
    const Row* before = nullptr;
    for (const Row* row : field.rows) {
      SCOPED_TRACE(kReleaseNames[row->since]);
      if (before == nullptr) {
        EXPECT_FALSE(row->is_absent()) << "it is absent until the first row anyway";
      } else {
        // So each holds in a release of its own, and in none do two of them.
        EXPECT_LT(before->since, row->since);
        EXPECT_FALSE(before->is_absent() == row->is_absent() && same(before->layout, row->layout));
      }
      EXPECT_TRUE(field.path.empty() || sizes[field.structure]->in(row->since) != nullptr)
          << "the struct is in no such release";
      before = row;
    }
  }
}

TEST(LayoutTable, IsWhatTheLayoutsSay) {
  const auto versions = builtin_layout_versions();
  const std::vector<Field> fields = fields_of_table();
  ASSERT_EQ(versions.size(), std::size(kReleaseNames));
  for (std::size_t release = 0; release < versions.size(); ++release) {
    const StructSource& source = *builtin_layout(versions[release], false);
    SCOPED_TRACE(source.description());
    std::map<std::string, StructLayout> expected;
    std::size_t rows = 0;
    for (const Field& field : fields) {
      const Row* row = field.in(release);
      if (row == nullptr) continue;
      const std::string structure(field.structure);
      if (field.path.empty()) {
        expected[structure].size = row->layout.size;
      } else if (const auto at = expected.find(structure); at != expected.end()) {
        at->second.fields.emplace(field.path, row->layout);
      } else {
        continue;
      }
      ++rows;
    }
    EXPECT_GE(expected.size(), 290u);
    EXPECT_GE(rows, 2600u);
    for (const Field& field : fields) {
      if (!field.path.empty()) continue;
      const std::string name(field.structure);
      SCOPED_TRACE(name);
      const StructLayout* layout = source.find(name);
      const auto at = expected.find(name);
      ASSERT_EQ(layout != nullptr, at != expected.end());
      if (layout == nullptr) continue;
      EXPECT_EQ(layout->size, at->second.size);
      EXPECT_TRUE(std::ranges::equal(layout->fields, at->second.fields, [](const auto& a, const auto& b) {
        return a.first == b.first && same(a.second, b.second);
      }));
    }
  }
}

TEST(LayoutTable, TheFirstReleaseOfAMinorVersionHasItsName) {
  std::uint32_t minor = 0;
  for (std::size_t i = 0; i < std::size(kReleaseNames); ++i) {
    const std::uint32_t v = builtin_layout_versions()[i];
    std::string name = "v" + std::to_string(v >> 24) + "_" + std::to_string(v >> 16 & 255);
    if (v >> 16 == minor) name += "_" + std::to_string(v >> 8 & 255);
    EXPECT_EQ(kReleaseNames[i], name);
    minor = v >> 16;
  }
}

TEST(BuiltinLayouts, AreAscendingAndFindable) {
  const auto versions = builtin_layout_versions();
  ASSERT_FALSE(versions.empty());
  EXPECT_TRUE(std::ranges::is_sorted(versions));
  EXPECT_TRUE(std::ranges::adjacent_find(versions) == versions.end());
  for (const std::uint32_t v : versions) {
    EXPECT_NE(builtin_layout(v, false), nullptr);
    EXPECT_EQ(builtin_layout(v, false), builtin_layout(v | 0xf0, false)) << "the release level is no matter";
    EXPECT_EQ(builtin_layout(v, true), nullptr) << "a debug build's structs differ";
  }
}

TEST(BuiltinLayouts, KnowWhatEveryReaderNeeds) {
  for (const std::uint32_t v : builtin_layout_versions()) {
    const StructSource& source = *builtin_layout(v, false);
    SCOPED_TRACE(source.description());
    ASSERT_NE(field(source, "PyTypeObject", "tp_traverse"), nullptr);
    EXPECT_EQ(field(source, "PyTypeObject", "tp_traverse")->offset, 184u);
    EXPECT_EQ(field(source, "PyDictObject", "ma_keys")->offset, 32u);
    EXPECT_EQ(field(source, "PyListObject", "ob_item")->offset, 24u);
    ASSERT_NE(field(source, "_PyRuntimeState", "interpreters.head"), nullptr);
    ASSERT_NE(field(source, "PyInterpreterState", "sysdict"), nullptr);
    // Two structs of CPython's have the typedef "block"; this is the deque's.
    ASSERT_NE(field(source, "BLOCK", "rightlink"), nullptr);
    EXPECT_EQ(field(source, "BLOCK", "rightlink")->offset, 520u);
    EXPECT_EQ(source.find("BLOCK")->size, 528u);
    // From an extension module, not the interpreter: the table has those too.
    EXPECT_NE(field(source, "PyEncoderObject", "markers"), nullptr);
    EXPECT_EQ(source.find("no_such_struct"), nullptr);
  }
}

TEST(BuiltinLayouts, KnowWhatChangedBetweenReleases) {
  struct Known {
    std::uint32_t hexversion;
    std::uint64_t interpreters_head, sysdict, type_size, str_size;
    bool has_version_tag;  // PyDictObject.ma_version_tag
    bool has_frame;        // PyThreadState.frame
  };
  constexpr Known kKnown[] = {
      {version(3, 7, 3), 24, 56, 400, 80, true, true},
      {version(3, 7, 16), 24, 56, 400, 80, true, true},
      {version(3, 8, 18), 32, 72, 416, 80, true, true},
      {version(3, 9, 2), 32, 872, 408, 80, true, true},
      {version(3, 9, 18), 32, 872, 408, 80, true, true},
      {version(3, 10, 13), 32, 872, 408, 80, true, true},
      {version(3, 11, 2), 40, 904, 408, 80, true, false},
      {version(3, 11, 7), 40, 904, 408, 80, true, false},
      {version(3, 12, 1), 40, 352, 416, 64, true, false},
      {version(3, 13, 0), 632, 7640, 416, 64, true, false},
      {version(3, 13, 5), 632, 7640, 416, 64, true, false},
      {version(3, 13, 18), 632, 7640, 416, 64, true, false},
      {version(3, 14, 0), 808, 7648, 416, 64, false, false},
      {version(3, 14, 3), 808, 7648, 416, 64, false, false},
      {version(3, 14, 4), 808, 7648, 416, 64, false, false},
      {version(3, 14, 10), 808, 7672, 416, 64, false, false},
      {version(3, 15, 2), 936, 7576, 424, 64, false, false},
  };
  for (const Known& known : kKnown) {
    const auto source = builtin_layout(known.hexversion, false);
    ASSERT_NE(source, nullptr);
    SCOPED_TRACE(source->description());
    EXPECT_EQ(field(*source, "_PyRuntimeState", "interpreters.head")->offset, known.interpreters_head);
    EXPECT_EQ(field(*source, "PyInterpreterState", "sysdict")->offset, known.sysdict);
    EXPECT_EQ(source->find("PyTypeObject")->size, known.type_size);
    EXPECT_EQ(source->find("PyUnicodeObject")->size, known.str_size);
    EXPECT_EQ(field(*source, "PyDictObject", "ma_version_tag") != nullptr, known.has_version_tag);
    EXPECT_EQ(field(*source, "PyThreadState", "frame") != nullptr, known.has_frame);
  }
  // bpo-27987: the collector's head grew between 3.7.3 and 3.7.5.
  EXPECT_EQ(builtin_layout(version(3, 7, 3), false)->find("PyGC_Head")->size, 24u);
  EXPECT_EQ(builtin_layout(version(3, 7, 16), false)->find("PyGC_Head")->size, 32u);
  // Structs that come and go.
  EXPECT_NE(builtin_layout(version(3, 13, 18), false)->find("BLAKE2bObject"), nullptr);
  EXPECT_EQ(builtin_layout(version(3, 14, 0), false)->find("BLAKE2bObject"), nullptr);
}

TEST(BuiltinLayouts, FieldsLieInTheirStruct) {
  // Through the rows themselves we see only what find() hands out, so take the structs that the C types use.
  for (const std::uint32_t v : builtin_layout_versions()) {
    const StructSource& source = *builtin_layout(v, false);
    for (const CTypeRow& row : c_type_rows()) {
      const std::string name(row.structure.substr(0, row.structure.find('|')));
      const StructLayout* layout = source.find(name);
      if (layout == nullptr) continue;
      for (const auto& [path, at] : layout->fields) {
        if (path.find("[0]") != std::string::npos) continue;  // of an array without a length, behind the end
        EXPECT_LE(at.offset + at.size, layout->size) << source.description() << ' ' << name << '.' << path;
      }
    }
  }
}

TEST(BuiltinLayouts, BitFieldsKeepTheirBits) {
  const auto source = builtin_layout(version(3, 11, 7), false);
  ASSERT_NE(source, nullptr);
  const FieldLayout* kind = field(*source, "PyASCIIObject", "state.kind");
  ASSERT_NE(kind, nullptr);
  EXPECT_EQ(kind->offset * 8 + kind->bit_offset, 32u * 8 + 2);
  EXPECT_EQ(kind->bit_size, 3u);
}

TEST(BuiltinLayouts, NearestIsOfTheSameMinorVersion) {
  EXPECT_EQ(builtin_layouts_of_minor(version(3, 11, 9), false).front(),
            builtin_layout(version(3, 11, 7), false));
  EXPECT_EQ(builtin_layouts_of_minor(version(3, 11, 0), false).front(),
            builtin_layout(version(3, 11, 2), false));
  EXPECT_EQ(builtin_layouts_of_minor(version(3, 13, 1), false).front(),
            builtin_layout(version(3, 13, 0), false));
  EXPECT_EQ(builtin_layouts_of_minor(version(3, 13, 3), false).size(), 3u);
  EXPECT_TRUE(builtin_layouts_of_minor(version(3, 6, 15), false).empty());
  EXPECT_TRUE(builtin_layouts_of_minor(version(3, 11, 9), true).empty());
  EXPECT_EQ(builtin_layout(version(3, 11, 9), false), nullptr);
  EXPECT_EQ(builtin_layout(version(3, 11, 7), false)->description(), "built-in table for 3.11.7");
}

}  // namespace
}  // namespace heapglass
