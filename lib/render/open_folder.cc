#include "lib/render/open_folder.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "lib/base/error.h"

namespace heapglass {
namespace {

constexpr int kMostLinks = 40;  // as the kernel has it

bool all_may_write(const struct stat& folder) {
  return folder.st_mode & S_ISVTX && folder.st_mode & (S_IWOTH | S_IWGRP);
}

bool trusted(int folder, uid_t owner) {
  struct stat in {};
  if (fstat(folder, &in) != 0) return false;
  return !all_may_write(in) || owner == geteuid() || owner == in.st_uid;
}

// From one part of a path to the next.
class Walk {
 public:
  Walk(const std::string& path, std::string shown) : shown_(std::move(shown)), left_(path) {
    begin();
    while (!left_.empty()) step();
  }
  ~Walk() {
    if (fd_ >= 0) close(fd_);
  }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;
  int take() { return std::exchange(fd_, -1); }

 private:
  [[noreturn]] void fail(int error) const {
    const bool no_folder = error == ENOENT || error == ENOTDIR;
    throw Error(ErrorKind::kFile, "cannot write " + shown_ + ": " + std::strerror(error),
                no_folder         ? "make the directory first"
                : error == EACCES ? "write elsewhere with -o FILE, or run as a user who may write there"
                                  : "write elsewhere with -o FILE");
  }
  void go(int fd) {
    if (fd < 0) fail(errno);
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  void begin() {
    const bool absolute = left_.starts_with('/');
    if (absolute || fd_ < 0) go(open(absolute ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  void step() {
    const std::size_t slash = left_.find('/');
    const std::string part = left_.substr(0, slash);
    left_ = slash == std::string::npos ? "" : left_.substr(slash + 1);
    if (part.empty() || part == ".") return;
    const int next = openat(fd_, part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) fail(errno);
    struct stat found {};
    const int error = fstat(next, &found) == 0 ? 0 : errno;
    if (error == 0 && S_ISDIR(found.st_mode)) {
      go(next);
      return;
    }
    if (error == 0 && S_ISLNK(found.st_mode)) {
      follow(part, next, found);
      return;
    }
    close(next);
    fail(error ? error : ENOTDIR);
  }
  void follow(const std::string& part, int link, const struct stat& found) {
    char target[PATH_MAX];
    const ssize_t n = readlinkat(link, "", target, sizeof target);
    const int error = n < 0 ? errno : static_cast<std::size_t>(n) == sizeof target ? ENAMETOOLONG : 0;
    close(link);
    if (error != 0) fail(error);
    if (!trusted(fd_, found.st_uid))
      throw Error(ErrorKind::kFile,
                  "cannot write " + shown_ + ": '" + part + "' on the way is a link that user " +
                      std::to_string(found.st_uid) + " has put into a folder that all may write",
                  "name the folder itself");
    if (++links_ > kMostLinks) fail(ELOOP);
    struct statfs system {};
    if (fstatfs(fd_, &system) == 0 && system.f_type == PROC_SUPER_MAGIC) {
      // What these lead to is told by the kernel alone: /proc/PID/root.
      go(openat(fd_, part.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      return;
    }
    left_ = std::string(target, static_cast<std::size_t>(n)) + "/" + left_;
    begin();
  }

  const std::string shown_;
  std::string left_;
  int fd_ = -1;
  int links_ = 0;
};

}  // namespace

OpenFolder::OpenFolder(const std::string& path, const std::string& shown) : fd_(Walk(path, shown).take()) {}

OpenFolder::~OpenFolder() {
  if (fd_ >= 0) close(fd_);
}

bool OpenFolder::is_trusted(uid_t owner) const { return trusted(fd_, owner); }

void OpenFolder::sync() const noexcept {
  const int fd = openat(fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace heapglass
