// The folder of a file that is to be written, opened once: whatever is renamed or put in its way afterwards,
// the file goes there.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

namespace heapglass {

class OpenFolder {
 public:
  OpenFolder() = default;
  // Empty: the current one. Throws Error kFile, with `shown` for the file, where it cannot be opened, and
  // where a link leads there that another user has put into a folder that all may write: as the kernel has it
  // with fs.protected_symlinks=1, which is off in places.
  OpenFolder(const std::string& path, const std::string& shown);
  ~OpenFolder();
  OpenFolder(OpenFolder&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFolder& operator=(OpenFolder&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int fd() const { return fd_; }
  // False: all may write the folder, and `owner` is neither this user nor the folder's own.
  bool is_trusted(uid_t owner) const;
  // That a name survives a power failure is a wish.
  void sync() const noexcept;

 private:
  int fd_ = -1;
};

}  // namespace heapglass
