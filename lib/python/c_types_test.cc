#include "lib/python/c_types.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/python/builtin_layouts.h"

namespace heapglass {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t at = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(std::min(at + 1, text.size()));
  }
  return parts;
}

// "3.10" or "3.13.5"
bool is_version(std::string_view text) {
  const auto parts = split(text, '.');
  return (parts.size() == 2 || parts.size() == 3) && parts[0] == "3" &&
         std::ranges::all_of(parts, [](const std::string& part) {
           return !part.empty() && std::ranges::all_of(part, [](unsigned char c) { return std::isdigit(c); });
         });
}

// One of the alternative structs has one of the alternative paths, in one table at least.
bool known_somewhere(std::string_view structures, std::string_view paths) {
  for (const std::uint32_t v : builtin_layout_versions()) {
    for (const std::string& structure : split(structures, '|')) {
      const StructLayout* layout = builtin_layout(v, false)->find(structure);
      if (layout == nullptr) continue;
      if (paths.empty()) return true;
      for (const std::string& path : split(paths, '|'))
        if (layout->fields.contains(path)) return true;
    }
  }
  return false;
}

void expect_fields(std::string_view owner, std::string_view structure, std::string_view fields) {
  std::set<std::string> seen;
  for (const std::string& word : split(fields, ' ')) {
    ASSERT_FALSE(word.empty()) << owner << ": two spaces in a field list";
    const auto parts = split(word, '@');
    EXPECT_TRUE(seen.insert(parts[0]).second) << owner << " names " << parts[0] << " twice";
    for (std::size_t i = 1; i < parts.size(); ++i)
      EXPECT_TRUE(is_version(std::string_view(parts[i]).substr(parts[i][0] == '-' || parts[i][0] == '!')))
          << owner << ": " << word;
    if (structure.empty()) {
      EXPECT_EQ(parts[0][0], '+') << owner << " has no struct but names a field";
      continue;
    }
    EXPECT_TRUE(known_somewhere(structure, parts[0])) << owner << ": no " << structure << "." << parts[0];
  }
}

template <class Row>
void expect_one_a_version(std::span<const Row> rows, std::string_view Row::*name) {
  std::map<std::string_view, std::vector<const Row*>> by_name;
  for (const Row& row : rows) by_name[row.*name].push_back(&row);
  for (const auto& [owner, same] : by_name) {
    for (std::size_t i = 0; i < same.size(); ++i) {
      EXPECT_TRUE(same[i]->until == 0 || same[i]->since < same[i]->until) << owner;
      for (std::size_t j = i + 1; j < same.size(); ++j) {
        const bool apart = (same[i]->until != 0 && same[i]->until <= same[j]->since) ||
                           (same[j]->until != 0 && same[j]->until <= same[i]->since);
        EXPECT_TRUE(apart) << owner << " has two rows for one version";
      }
    }
  }
}

TEST(CTypes, EveryStructAndFieldIsInSomeLayout) {
  for (const CTypeRow& row : c_type_rows()) {
    // No layout has the structs of extensions.
    ASSERT_EQ(row.structure.empty(), !is_of_standard_library(row.type)) << row.type;
    if (row.structure.empty()) continue;
    EXPECT_TRUE(known_somewhere(row.structure, {})) << row.type << ": no struct " << row.structure;
    expect_fields(row.type, row.structure, row.visits);
    expect_fields(row.type, row.structure, row.owns);
  }
}

TEST(CTypes, NothingIsVisitedAndOwned) {
  for (const CTypeRow& row : c_type_rows()) {
    std::set<std::string> visited;
    for (const std::string& word : split(row.visits, ' ')) visited.insert(split(word, '@')[0]);
    for (const std::string& word : split(row.owns, ' '))
      EXPECT_FALSE(visited.contains(split(word, '@')[0])) << row.type << ": " << word;
  }
}

TEST(CTypes, OneRowAVersion) { expect_one_a_version(c_type_rows(), &CTypeRow::type); }

TEST(CTypes, NamesHaveTheirModule) {
  for (const CTypeRow& row : c_type_rows()) EXPECT_NE(row.type.find('.'), std::string_view::npos) << row.type;
}

TEST(CTypes, CoverWhatEveryProcessHas) {
  std::set<std::string_view> types;
  for (const CTypeRow& row : c_type_rows()) types.insert(row.type);
  for (const char* type : {"builtins.function",
                           "builtins.method",
                           "builtins.builtin_function_or_method",
                           "builtins.module",
                           "builtins.type",
                           "builtins.dict",
                           "builtins.list",
                           "builtins.tuple",
                           "builtins.set",
                           "builtins.cell",
                           "builtins.code",
                           "builtins.frame",
                           "builtins.generator",
                           "builtins.property",
                           "builtins.getset_descriptor",
                           "builtins.wrapper_descriptor",
                           "builtins.traceback",
                           "builtins.BaseException",
                           "_io.TextIOWrapper",
                           "_thread.lock",
                           "functools.partial",
                           "collections.deque",
                           "re.Pattern",
                           "_asyncio.Task",
                           "weakref.ReferenceType",
                           "types.SimpleNamespace",
                           "typing.Generic",
                           "sys.version_info"}) {
    EXPECT_TRUE(types.contains(type)) << type;
  }
}

TEST(ModuleStates, EveryStructAndFieldIsInSomeLayout) {
  for (const ModuleStateRow& row : module_state_rows()) {
    if (!row.structure.empty()) {
      EXPECT_TRUE(known_somewhere(row.structure, {})) << row.module << ": no struct " << row.structure;
    }
    expect_fields(row.module, row.structure, row.visits);
  }
}

TEST(ModuleStates, OneRowAVersion) { expect_one_a_version(module_state_rows(), &ModuleStateRow::module); }

TEST(Sizes, OneRuleAType) {
  std::set<std::string_view> owners;
  for (const SizeRow& row : size_rows()) EXPECT_TRUE(owners.insert(row.owner).second) << row.owner;
  EXPECT_TRUE(owners.contains("builtins.object"));
}

// A row that is not of the standard library has to say so here: its type's other words are looked at.
TEST(CTypes, StandardLibraryHasThoseOfTheRows) {
  for (const CTypeRow& row : c_type_rows())
    EXPECT_EQ(is_of_standard_library(row.type), !row.type.starts_with("numpy.")) << row.type;
  EXPECT_FALSE(is_of_standard_library("lxml.etree._Document"));
  EXPECT_FALSE(is_of_standard_library("cython_function_or_method"));
}

}  // namespace
}  // namespace heapglass
