#include "lib/leaks/installed_folders.h"

namespace heapglass {
namespace {

// Has importlib's FileFinder of a folder met the description of an installed package there?
bool has_installed(const LeakSearch& search, Address finder) {
  constexpr std::size_t kMostNames = 100'000;
  const NodeId names = search.node(search.values().attribute(finder, "_path_cache"));
  if (names == kNoNode) return false;
  std::size_t looked = 0;
  for (const NodeId name : search.graph().referents(names)) {
    if (++looked > kMostNames) break;
    if (const auto text = search.objects().str(search.address(name), 300);
        text && text->ends_with(".dist-info"))
      return true;
  }
  return false;
}

std::string folder_with_slash(std::string file) {
  file.resize(file.rfind('/') == std::string::npos ? 0 : file.rfind('/') + 1);
  return file;
}

std::string file_of_main(const LeakSearch& search) {
  const NodeId main = search.module("__main__");
  const Address file =
      main == kNoNode ? Address{} : search.values().attribute(search.address(main), "__file__");
  return is_null(file) ? std::string() : search.objects().str(file).value_or(std::string());
}

}  // namespace

std::vector<std::string> installed_folders(const LeakSearch& search) {
  constexpr std::size_t kMostFolders = 1000;
  std::vector<std::string> folders;
  const NodeId sys = search.module("sys");
  if (sys == kNoNode) return folders;
  const Address cache = search.values().attribute(search.address(sys), "path_importer_cache");
  if (is_null(cache) || !(search.objects().flags_of(cache) & kTpDictSubclass)) return folders;
  const std::string of_main = folder_with_slash(file_of_main(search));
  search.objects().each_item(cache, [&](Address path, Address finder) {
    auto folder = search.objects().str(path);
    if (!folder || folder->empty() || !has_installed(search, finder)) return true;
    if (!folder->ends_with('/')) *folder += '/';
    if (*folder != of_main) folders.push_back(std::move(*folder));
    return folders.size() < kMostFolders;
  });
  return folders;
}

}  // namespace heapglass
