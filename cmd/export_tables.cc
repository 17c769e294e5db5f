// The tables of `query` as files.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <vector>

#include "cmd/export_formats.h"
#include "cmd/heap_as_tables.h"
#include "lib/base/error.h"
#include "lib/query/sqlite_file.h"
#include "lib/render/open_folder.h"
#include "lib/render/output.h"
#include "lib/render/table_csv.h"
#include "lib/render/unfinished.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

// Who may read a file may go through the folder that it is in.
mode_t mode_of_folder(FileMode mode) { return 0700 | mode.bits | (mode.bits & 0444) >> 2; }

bool make_folder(int in, const std::string& name, FileMode mode) {
  const mode_t before = umask(0);
  const int made = mkdirat(in, name.c_str(), mode_of_folder(mode));
  const int error = errno;
  umask(before);
  errno = error;
  return made == 0;
}

// A folder that is made beside its place and renamed, so that it is there with all of its files or not at
// all.
class NewFolder {
 public:
  NewFolder(const std::string& path, FileMode mode) : mode_(mode), path_(fs::path(path).lexically_normal()) {
    if (!path_.has_filename()) path_ = path_.parent_path();
    const std::string parent = path_.parent_path().empty() ? "" : path_.parent_path().string() + "/";
    in_ = OpenFolder(parent, "'" + path_.string() + "'");
    struct stat found {};
    if (fstatat(in_.fd(), path_.filename().c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0)
      throw Error(ErrorKind::kFile, "'" + path_.string() + "' is there already", "name a folder that is not");
    remove_abandoned(in_.fd());
    name_ = unfinished_name();
    making_ = parent + name_;
    unfinished_ = Unfinished(making_, Unfinished::What::kFolder);
    if (!make_folder(in_.fd(), name_, mode_)) fail(errno);
    lock_ = openat(in_.fd(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock_ < 0 || !lock_unfinished(lock_)) fail(lock_ < 0 ? errno : EBUSY);
    unfinished_.made();
  }
  ~NewFolder() {
    for (const std::string& file : names_) unlinkat(lock_, file.c_str(), 0);
    if (!name_.empty()) unlinkat(in_.fd(), name_.c_str(), AT_REMOVEDIR);
    if (lock_ >= 0) close(lock_);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  template <class Write>
  void add(const std::string& name, Write write) {
    files_.emplace_back(making_ + "/" + name);
    files_.back().made();  // the Output has its own until it is
    names_.push_back(name);
    Output output(making_ + "/" + name, mode_);
    write(output.stream());
    output.commit();
  }
  void commit() {
    if (renameat(in_.fd(), name_.c_str(), in_.fd(), path_.filename().c_str()) != 0) fail(errno);
    files_.clear();
    names_.clear();
    name_.clear();
    unfinished_.forget();
    in_.sync();
  }

 private:
  [[noreturn]] void fail(int error) const {
    throw Error(ErrorKind::kFile, "cannot write '" + path_.string() + "': " + std::strerror(error),
                error == ENOENT ? "make the directory first" : "write elsewhere with -o FOLDER");
  }
  const FileMode mode_;
  fs::path path_;
  OpenFolder in_;
  std::string name_, making_;  // while it is made
  Unfinished unfinished_;
  int lock_ = -1;
  std::vector<std::string> names_;
  std::vector<Unfinished> files_;
};

// Each that is not there. Names of its parts are the caller's.
fs::path make_folders(const fs::path& root, std::initializer_list<std::string> below, FileMode mode) {
  fs::path path = root;
  for (const std::string& part : below) {
    const std::string parent = path.string() + "/";
    const OpenFolder in(parent, "'" + path.string() + "'");
    path /= part;
    if (!make_folder(in.fd(), part, mode) && errno != EEXIST)
      throw Error(ErrorKind::kFile, "cannot make '" + path.string() + "': " + std::strerror(errno));
  }
  return path;
}

// A value of a path's NAME=VALUE, as Hive and those after it read it: what has a meaning in paths is %XX.
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

}  // namespace

void export_sqlite(Session& session, const std::string& path, FileMode mode) {
  Output output(path, mode);
  if (output.temporary().empty())
    throw Error(ErrorKind::kUsage, "a database cannot be written to " + output.name(), "name a file with -o");
  const HeapAsTables heap(session);
  save_as_sqlite(heap.all(), output.temporary(), output.name(), valid_utf8);
  output.commit();
}

void export_csv(Session& session, const std::string& folder, FileMode mode, CsvText text) {
  NewFolder made(folder, mode);
  const HeapAsTables heap(session);
  for (QueryTable* const table : heap.all())
    made.add(std::string(table->name()) + ".csv",
             [&](std::ostream& out) { write_table_csv(*table, text, out); });
  made.commit();
}

WriteParquet load_parquet() {
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path();
  std::string why;
  for (const fs::path& place : {beside, beside.parent_path() / HEAPGLASS_MODULES}) {
    void* const module = dlopen((place / kParquetModule).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (void* const function = module ? dlsym(module, kParquetFunction) : nullptr)
      return reinterpret_cast<WriteParquet>(function);
    if (fs::exists(place / kParquetModule)) why = std::string(": ") + dlerror();
  }
  if (!why.empty()) throw Error(ErrorKind::kUsage, "what writes Parquet cannot be loaded" + why);
  throw Error(
      ErrorKind::kUsage, "this heapglass was built without Parquet",
      "install Apache Arrow for C++ (libparquet-dev of Apache's packages, or scripts/setup --parquet) and "
      "build it again");
}

void export_parquet(Session& session, const std::string& folder, FileMode mode, const HeapPlace& place,
                    WriteParquet write) {
  std::error_code error;
  const fs::path root = fs::path(folder).lexically_normal();
  const bool is_there = fs::exists(root, error);
  const fs::path top = is_there ? root
                                : make_folders(root.parent_path().empty() ? "." : root.parent_path(),
                                               {root.filename().string()}, mode);
  const fs::path above =
      make_folders(top, {"service=" + path_value(place.service), "host=" + path_value(place.host)}, mode);
  NewFolder made(above / ("time=" + path_value(place.time)), mode);
  const HeapAsTables heap(session);
  for (QueryTable* const table : heap.all())
    made.add(std::string(table->name()) + ".parquet", [&](std::ostream& out) {
      if (const std::string why = write(*table, out); !why.empty())
        throw Error(ErrorKind::kFile, "cannot write " + std::string(table->name()) + ".parquet: " + why);
    });
  made.commit();
}

}  // namespace heapglass
