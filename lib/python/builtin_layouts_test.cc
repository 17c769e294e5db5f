#include "lib/python/builtin_layouts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "lib/python/c_types.h"

namespace heapglass {
namespace {

const FieldLayout* field(const StructSource& source, const char* structure, const char* path) {
  const StructLayout* layout = source.find(structure);
  if (layout == nullptr) return nullptr;
  const auto at = layout->fields.find(path);
  return at == layout->fields.end() ? nullptr : &at->second;
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
  const StructSource* source = builtin_layout(version(3, 11, 7), false);
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
