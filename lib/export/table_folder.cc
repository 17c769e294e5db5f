#include "lib/export/table_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "lib/base/error.h"
#include "lib/export/partition.h"
#include "lib/query/heap_tables.h"
#include "lib/render/open_folder.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"
#include "lib/render/unfinished.h"

namespace heapglass {

namespace fs = std::filesystem;

// What is done with the right to write, by the OutputKeeper, which no signal but SIGKILL ends: what that
// leaves has the name and no lock that tell the next run so. It is made beside its place, and renamed.
class TableFolder::Making {
 public:
  // All but the last of `below` stay when the rest fails: others may be at work in them.
  Making(const std::string& root, std::vector<std::string> below, FileMode mode)
      : root_(without_last_slash(root)),
        below_(std::move(below)),
        mode_(mode),
        path_(root_),
        name_(unfinished_name()) {
    for (const std::string& part : below_) path_ /= part;
    making_ = path_.parent_path() / name_;
  }
  ~Making() {
    if (lock_ >= 0) close(lock_);
  }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  const fs::path& folder() const { return making_; }
  FileMode mode() const { return mode_; }

  // What make() will find, where that can be seen beforehand. Nothing is made.
  void check() const {
    if (below_.empty()) {
      require_absent(OpenFolder(parent(), "'" + path_.string() + "'"));
      check_output(path_.string());
      return;
    }
    check_partition(root_, below_, name_);
  }

  void make() {
    make_those_above();
    in_ = OpenFolder(parent(), "'" + path_.string() + "'");
    require_absent(in_);
    remove_abandoned(in_.fd());
    if (!make_folder(in_.fd(), name_, mode_)) fail(errno);
    unfinished_ = true;
    lock_ = openat(in_.fd(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock_ < 0 || !lock_unfinished(lock_)) fail(lock_ < 0 ? errno : EBUSY);
  }
  void commit() {
    if (renameat(in_.fd(), name_.c_str(), in_.fd(), path_.filename().c_str()) != 0) fail(errno);
    unfinished_ = false;
    in_.sync();
  }
  void clean_up(const std::vector<std::string>& files) {
    if (!unfinished_) return;
    for (const std::string& file : files) unlinkat(lock_, file.c_str(), 0);
    unlinkat(in_.fd(), name_.c_str(), AT_REMOVEDIR);
  }

 private:
  // With its slash; empty: the current folder.
  std::string parent() const { return path_.parent_path().empty() ? "" : path_.parent_path().string() + "/"; }
  void require_absent(const OpenFolder& in) const {
    struct stat found {};
    if (fstatat(in.fd(), path_.filename().c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0)
      throw Error(ErrorKind::kFile, "'" + path_.string() + "' is there already", "name a folder that is not");
  }
  void make_those_above() const {
    if (!below_.empty()) make_partition(root_, {below_.begin(), below_.end() - 1}, mode_);
  }
  [[noreturn]] void fail(int error) const {
    throw Error(ErrorKind::kFile, "cannot write '" + path_.string() + "': " + std::strerror(error),
                error == ENOENT ? "make the directory first" : "write elsewhere with -o FOLDER");
  }
  const fs::path root_;
  const std::vector<std::string> below_;
  const FileMode mode_;
  fs::path path_, making_;
  const std::string name_;  // while it is made
  OpenFolder in_;
  int lock_ = -1;
  bool unfinished_ = false;
};

TableFolder::TableFolder(std::shared_ptr<Making> making, std::string ending)
    : making_(std::move(making)), ending_(std::move(ending)) {}

TableFolder TableFolder::of_csv(const std::string& folder, FileMode mode) {
  return TableFolder(std::make_shared<Making>(folder, std::vector<std::string>(), mode), ".csv");
}

TableFolder TableFolder::of_parquet(const std::string& folder, const HeapPlace& place, FileMode mode) {
  const std::vector<std::string> partition = {"service=" + path_value(place.service),
                                              "host=" + path_value(place.host),
                                              "time=" + path_value(place.time)};
  return TableFolder(std::make_shared<Making>(folder, partition, mode), ".parquet");
}

std::string TableFolder::file(std::string_view table) const { return std::string(table) + ending_; }

std::string TableFolder::path(std::string_view table) const {
  return (making_->folder() / file(table)).string();
}

void TableFolder::agree(OutputOptions& options) {
  making_->check();
  std::vector<std::string> files;
  for (const std::string_view table : kHeapTableNames) {
    files.push_back(file(table));
    options.extra_outputs.emplace_back(path(table), making_->mode());
  }
  options.output.clear();  // it is no file
  first_deed_ = options.deeds.size();
  options.deeds.push_back([making = making_] { making->make(); });
  options.deeds.push_back([making = making_] { making->commit(); });
  options.at_end = [making = making_, files] { making->clean_up(files); };
}

void TableFolder::make() const { OutputKeeper::active()->perform(first_deed_); }

void TableFolder::add(std::string_view table, const std::function<void(std::ostream&)>& write) const {
  Output output(path(table), making_->mode());
  write(output.stream());
  output.commit();
}

void TableFolder::commit() const { OutputKeeper::active()->perform(first_deed_ + 1); }

}  // namespace heapglass
