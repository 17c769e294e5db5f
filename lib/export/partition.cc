#include "lib/export/partition.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "lib/base/error.h"
#include "lib/render/open_folder.h"

namespace heapglass {

namespace fs = std::filesystem;

namespace {

// Who may read a file may go through the folder that it is in.
mode_t mode_of_folder(FileMode mode) { return 0700 | mode.bits | (mode.bits & 0444) >> 2; }

// Each that is not there.
void make_folders(fs::path path, const std::vector<std::string>& below, FileMode mode) {
  for (const std::string& part : below) {
    const OpenFolder in(path.empty() ? "" : path.string() + "/", "'" + (path / part).string() + "'");
    path /= part;
    if (!make_folder(in.fd(), part, mode) && errno != EEXIST)
      throw Error(ErrorKind::kFile, "cannot make '" + path.string() + "': " + std::strerror(errno));
  }
}

}  // namespace

bool make_folder(int in, const std::string& name, FileMode mode) {
  const mode_t before = umask(0);
  const int made = mkdirat(in, name.c_str(), mode_of_folder(mode));
  const int error = errno;
  umask(before);
  errno = error;
  return made == 0;
}

fs::path without_last_slash(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

std::string path_value(const std::string& text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    if (c > ' ' && c < 0x7f && !std::strchr("\"#%'*/:=?\\{[]^", c)) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  return out.empty() ? "__HIVE_DEFAULT_PARTITION__" : out;
}

void check_partition(const fs::path& root, const std::vector<std::string>& below, const std::string& name) {
  std::error_code error;
  fs::path deepest = root;
  if (!fs::exists(deepest, error)) {
    check_output(root.string());
    return;
  }
  for (const std::string& part : below)
    if (fs::exists(deepest / part, error))
      deepest /= part;
    else
      break;
  check_output((deepest / name).string());
}

void make_partition(const fs::path& root, const std::vector<std::string>& below, FileMode mode) {
  std::error_code error;
  if (!fs::exists(root, error)) make_folders(root.parent_path(), {root.filename().string()}, mode);
  make_folders(root, below, mode);
}

}  // namespace heapglass
