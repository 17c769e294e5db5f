#include "platform/binaries/debug_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "platform/files/regular_file.h"

namespace heapglass {

namespace {

bool has_debug_sections(const ElfFile& file) {
  for (const char* const name : {".debug_info", ".symtab"}) {
    const ElfSection* const section = file.section(name);
    if (section != nullptr && section->has_bytes) return true;
  }
  return false;
}

// Tries files until one fits, and remembers why the others did not.
class Candidates {
 public:
  // True once `out` has its file, `path_there` of where `prefix` is the root. `fits` says why a file that
  // could be opened is not the one, "" for fits.
  template <class Fits>
  bool attempt(const std::string& prefix, const std::string& path_there, DebugFile& out, Fits fits) {
    const std::string path = prefix + path_there;
    if (!tried_.insert(path).second) return false;
    std::string why;
    const FileDescriptor fd = open_regular_file_in(prefix, path_there);
    if (!fd) {
      if (errno == ENOENT || errno == ENOTDIR) {
        absent_ += (absent_.empty() ? "" : ", ") + path;
      } else {
        refuse("cannot open " + path + ": " + describe_open_failure(errno));
      }
      return false;
    }
    auto file = ElfFile::open(fd.get(), path, why);
    if (file == nullptr) {
      refuse(why);
      return false;
    }
    // A .gnu_debuglink often names the program itself, which is then found before its debug file.
    why = has_debug_sections(*file) ? fits(*file) : "has no debug sections";
    if (why.empty()) {
      out = {std::move(file), path};
      return true;
    }
    refuse(path + " " + why);
    return false;
  }
  void refuse(const std::string& why) { refused_ += "; " + why; }
  std::string reasons() const { return (absent_.empty() ? "" : "there is no " + absent_) + refused_; }

 private:
  std::set<std::string> tried_;
  std::string absent_;
  std::string refused_;
};

std::vector<std::string> prefixes(const DebugFileSearch& search) {
  if (search.root_prefix.empty() || search.root_prefix == "/") return {""};
  return {search.root_prefix, ""};
}

std::string build_id_path(const std::string& root, const std::string& id) {
  return root + "/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
}

std::string directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder.ends_with('/') ? folder : folder + "/");
}

// A debug file of 4 GB is not among those of any interpreter, and its checksum takes seconds.
constexpr std::uint64_t kMostToCheck = std::uint64_t{4} << 30;

std::vector<std::string> paths_by_build_id(const std::string& id, const DebugFileSearch& search) {
  std::vector<std::string> paths;
  if (id.size() <= 2) return paths;
  for (const std::string& root : search.debug_roots) paths.push_back(build_id_path(root, id));
  return paths;
}

std::vector<std::string> paths_by_link(const std::string& link, const DebugFileSearch& search) {
  if (search.target_path.empty()) return {};
  const std::string beside = directory(search.target_path);
  std::vector<std::string> paths = {beside + "/" + link, beside + "/.debug/" + link};
  const std::string below_root = (beside.starts_with('/') ? "" : "/") + beside + "/" + link;
  for (const std::string& root : search.debug_roots) paths.push_back(root + below_root);
  return paths;
}

}  // namespace

DebugFile find_debug_file(const ElfFile& stripped, const DebugFileSearch& search) {
  const std::string id = stripped.build_id();
  const auto link = stripped.debug_link();
  DebugFile found;
  Candidates candidates;

  const auto same_id = [&](const ElfFile& file) -> std::string {
    return file.build_id() == id ? "" : "is of another build (" + file.build_id() + ")";
  };
  for (const std::string& prefix : prefixes(search))
    for (const std::string& path : paths_by_build_id(id, search))
      if (candidates.attempt(prefix, path, found, same_id)) return found;

  const auto same_build = [&](const ElfFile& file) -> std::string {
    if (!id.empty() && !file.build_id().empty()) return same_id(file);
    if (file.size() > kMostToCheck) return "is too large to be checked";
    return link && file.crc() == link->crc ? "" : "is of another build (by its checksum)";
  };
  for (const std::string& prefix : prefixes(search))
    for (const std::string& path : link ? paths_by_link(link->name, search) : std::vector<std::string>())
      if (candidates.attempt(prefix, path, found, same_build)) return found;

  if (id.empty() && !link) {
    found.description =
        "no separate debug file: " + stripped.name() + " has neither build-id nor .gnu_debuglink";
  } else {
    found.description = "no separate debug file (" + candidates.reasons() + ")";
  }
  return found;
}

DebugFile find_alt_file(const ElfFile& debug, const DebugFileSearch& search) {
  const auto link = debug.debug_alt_link();
  DebugFile found;
  if (!link) return found;
  const auto same_id = [&](const ElfFile& file) -> std::string {
    return file.alt_id() == link->id ? "" : "is of another build (" + file.alt_id() + ")";
  };
  Candidates candidates;
  for (const std::string& prefix : prefixes(search)) {
    // A relative name starts from the debug file, whose name includes the prefix that it was found below.
    const bool has_prefix = !prefix.empty() && debug.name().starts_with(prefix);
    const std::string beside = directory(debug.name().substr(has_prefix ? prefix.size() : 0));
    const std::string named =
        std::filesystem::path(link->name.starts_with('/') ? link->name : beside + "/" + link->name)
            .lexically_normal();
    // The file that names it may be the target's: it leads to no other folder than those of debug files.
    const bool allowed =
        is_below(named, beside) ||
        std::ranges::any_of(search.debug_roots, [&](const auto& root) { return is_below(named, root); });
    if (!allowed) {
      candidates.refuse(named + " is in no folder of debug files");
    } else if (candidates.attempt(has_prefix || link->name.starts_with('/') ? prefix : "", named, found,
                                  same_id)) {
      return found;
    }
    if (link->id.size() <= 2) continue;
    for (const std::string& root : search.debug_roots) {
      if (candidates.attempt(prefix, build_id_path(root, link->id), found, same_id)) return found;
    }
  }
  found.description = "no alternate debug file (" + candidates.reasons() + ")";
  return found;
}

}  // namespace heapglass
