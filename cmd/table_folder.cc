#include "cmd/table_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "lib/base/error.h"
#include "lib/query/heap_tables.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

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

// What is done with the right to write, by the OutputKeeper. It is made beside its place, and renamed.
class TableFolder::Making {
 public:
  Making(const std::string& path, bool with_parents)
      : path_(fs::path(path).lexically_normal()), with_parents_(with_parents) {
    if (!path_.has_filename()) path_ = path_.parent_path();
    making_ =
        path_.parent_path() / (".heapglass-" + path_.filename().string() + "-" + std::to_string(getpid()));
  }
  const fs::path& folder() const { return making_; }

  void make() {
    struct stat found {};
    if (lstat(path_.c_str(), &found) == 0)
      throw Error(ErrorKind::kFile, "'" + path_.string() + "' is there already", "name a folder that is not");
    std::error_code error;
    if (with_parents_) fs::create_directories(path_.parent_path(), error);
    if (error)
      throw Error(ErrorKind::kFile, "cannot make '" + path_.parent_path().string() + "': " + error.message());
    if (mkdir(making_.c_str(), 0700) != 0) fail(errno);
    unfinished_ = true;
  }
  void commit() {
    if (rename(making_.c_str(), path_.c_str()) != 0) fail(errno);
    unfinished_ = false;
  }
  void clean_up(const std::vector<std::string>& files) {
    if (!unfinished_) return;
    std::error_code ignored;
    for (const std::string& file : files) fs::remove(file, ignored);
    fs::remove(making_, ignored);
  }

 private:
  [[noreturn]] void fail(int error) const {
    throw Error(ErrorKind::kFile, "cannot write '" + path_.string() + "': " + std::strerror(error),
                error == ENOENT ? "make the directory first" : "write elsewhere with -o FOLDER");
  }
  fs::path path_, making_;
  bool with_parents_, unfinished_ = false;
};

TableFolder::TableFolder(const std::string& folder, std::string ending, bool with_parents)
    : making_(std::make_shared<Making>(folder, with_parents)), ending_(std::move(ending)) {}

TableFolder TableFolder::of_csv(const std::string& folder) { return TableFolder(folder, ".csv", false); }

TableFolder TableFolder::of_parquet(const std::string& folder, const HeapPlace& place) {
  const fs::path partition = fs::path(folder) / ("service=" + path_value(place.service)) /
                             ("host=" + path_value(place.host)) / ("time=" + path_value(place.time));
  return TableFolder(partition.string(), ".parquet", true);
}

std::string TableFolder::file(std::string_view table) const {
  return (making_->folder() / (std::string(table) + ending_)).string();
}

void TableFolder::agree(CommonOptions& options) {
  std::vector<std::string> files;
  for (const std::string_view table : kHeapTableNames) files.push_back(file(table));
  options.output.clear();  // it is no file
  options.also_writes.insert(options.also_writes.end(), files.begin(), files.end());
  first_deed_ = options.deeds.size();
  options.deeds.push_back([making = making_] { making->make(); });
  options.deeds.push_back([making = making_] { making->commit(); });
  options.at_end = [making = making_, files] { making->clean_up(files); };
}

void TableFolder::make() const { OutputKeeper::active()->perform(first_deed_); }

void TableFolder::add(std::string_view table, const std::function<void(std::ostream&)>& write) const {
  Output output(file(table), 0600);
  write(output.stream());
  output.commit();
}

void TableFolder::commit() const { OutputKeeper::active()->perform(first_deed_ + 1); }

}  // namespace heapglass
