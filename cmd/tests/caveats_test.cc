// The kinds of caveats are a promise to programs: the manual lists those that the code has, and no others.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace heapglass {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::set<std::string> kinds_in_code() {
  std::set<std::string> kinds;
  const std::regex made("(?:(?:caveats|out)\\.push_back\\(\\s*\\{|Caveat caveat\\{\\.kind = )([^,}]*)[,}]"),
      literal("\"([a-z-]+)\"");
  for (const char* folder : {"lib", "platform"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(HEAPGLASS_SOURCE_DIR) / folder)) {
      const std::string name = entry.path().filename();
      if (!name.ends_with(".cc") || name.ends_with("_test.cc")) continue;
      const std::string text = text_of(entry.path());
      if (text.find("Caveat") == std::string::npos && text.find("caveats.push_back") == std::string::npos)
        continue;
      for (std::sregex_iterator at(text.begin(), text.end(), made), end; at != end; ++at) {
        const std::string first = (*at)[1];
        for (std::sregex_iterator word(first.begin(), first.end(), literal); word != end; ++word)
          kinds.insert((*word)[1]);
      }
    }
  return kinds;
}

std::set<std::string> kinds_in_manual() {
  const std::string manual = text_of(std::filesystem::path(HEAPGLASS_SOURCE_DIR) / "docs/manual.md");
  const std::size_t from = manual.find("### Caveats"), to = manual.find("## Exit codes", from);
  std::set<std::string> kinds;
  if (from == std::string::npos || to == std::string::npos) return kinds;
  const std::string section = manual.substr(from, to - from);
  const std::regex row("\n\\| (`[^|]*)\\|"), name("`([a-z-]+)`");
  for (std::sregex_iterator at(section.begin(), section.end(), row), end; at != end; ++at) {
    const std::string cell = (*at)[1];
    for (std::sregex_iterator word(cell.begin(), cell.end(), name); word != end; ++word)
      kinds.insert((*word)[1]);
  }
  return kinds;
}

TEST(Caveats, TheManualListsThoseOfTheCode) {
  const std::set<std::string> code = kinds_in_code();
  EXPECT_GT(code.size(), 20u);
  EXPECT_EQ(code, kinds_in_manual());
}

}  // namespace
}  // namespace heapglass
