// The tables of `query` as files.
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cmd/export_formats.h"
#include "cmd/heap_as_tables.h"
#include "lib/base/error.h"
#include "lib/query/sqlite_file.h"
#include "lib/render/output.h"
#include "lib/render/table_csv.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

// A folder that is made beside its place and renamed, so that it is there with all of its files or not at
// all.
class NewFolder {
 public:
  explicit NewFolder(const std::string& path) : path_(fs::path(path).lexically_normal()) {
    if (!path_.has_filename()) path_ = path_.parent_path();
    struct stat found {};
    if (lstat(path_.c_str(), &found) == 0)
      throw Error(ErrorKind::kFile, "'" + path_.string() + "' is there already", "name a folder that is not");
    making_ =
        path_.parent_path() / (".heapglass-" + path_.filename().string() + "-" + std::to_string(getpid()));
    if (mkdir(making_.c_str(), 0700) != 0) fail(errno);
  }
  ~NewFolder() {
    std::error_code ignored;
    for (const fs::path& file : files_) fs::remove(file, ignored);
    if (!making_.empty()) fs::remove(making_, ignored);
  }
  template <class Write>
  void add(const std::string& name, Write write) {
    const fs::path file = making_ / name;
    Output output(file, 0600);
    write(output.stream());
    output.commit();
    files_.push_back(file);
  }
  void commit() {
    if (rename(making_.c_str(), path_.c_str()) != 0) fail(errno);
    files_.clear();
    making_.clear();
  }

 private:
  [[noreturn]] void fail(int error) const {
    throw Error(ErrorKind::kFile, "cannot write '" + path_.string() + "': " + std::strerror(error),
                error == ENOENT ? "make the directory first" : "write elsewhere with -o FOLDER");
  }
  fs::path path_, making_;
  std::vector<fs::path> files_;
};

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

void export_sqlite(Session& session, const std::string& path) {
  Output output(path, 0600);
  if (!output.is_file())
    throw Error(ErrorKind::kUsage, "a database cannot be written to " + output.name(), "name a file with -o");
  const HeapAsTables heap(session);
  save_as_sqlite(heap.all(), output.descriptor(), output.name());
  output.commit();
}

void export_csv(Session& session, const std::string& folder) {
  NewFolder made(folder);
  const HeapAsTables heap(session);
  for (QueryTable* const table : heap.all())
    made.add(std::string(table->name()) + ".csv", [&](std::ostream& out) { write_table_csv(*table, out); });
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

void export_parquet(Session& session, const std::string& folder, const HeapPlace& place, WriteParquet write) {
  const fs::path above =
      fs::path(folder) / ("service=" + path_value(place.service)) / ("host=" + path_value(place.host));
  std::error_code error;
  fs::create_directories(above, error);
  if (error) throw Error(ErrorKind::kFile, "cannot make '" + above.string() + "': " + error.message());
  NewFolder made(above / ("time=" + path_value(place.time)));
  const HeapAsTables heap(session);
  for (QueryTable* const table : heap.all())
    made.add(std::string(table->name()) + ".parquet", [&](std::ostream& out) {
      if (const std::string why = write(*table, out); !why.empty())
        throw Error(ErrorKind::kFile, "cannot write " + std::string(table->name()) + ".parquet: " + why);
    });
  made.commit();
}

}  // namespace heapglass
