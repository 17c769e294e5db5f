// Opening files whose names somebody else may have chosen: nothing is opened that is not a regular file, so
// that no FIFO is waited for, no writer of one is woken, and no device does what opening it does.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "platform/files/file_descriptor.h"

namespace heapglass {

// For reading; invalid where there is none, and errno says why (EINVAL: it is not a regular file).
FileDescriptor open_regular_file(const std::string& path);

// As above, with every step of `path`, absolute links and "..", resolved below `root` as if it were "/": the
// way a process in a container sees the path. `root` "" or "/" is the root of this process.
FileDescriptor open_regular_file_in(const std::string& root, const std::string& path);

// "it is not a regular file", or the text of an errno that these two leave behind.
std::string describe_open_failure(int error);

// Reads all of `to` from `offset` on; false where the file ends before, or cannot be read.
bool read_fully(int fd, std::uint64_t offset, std::span<std::byte> to);

// A file that is named to us, read piece by piece and never mapped: others may cut it short while it is read.
class RegularFile {
 public:
  // Throws Error kUsage where there is no such file, kFile where it cannot be read or is no regular file.
  explicit RegularFile(const std::string& path);
  std::uint64_t size() const { return size_; }     // when it was opened
  bool owned_by_caller() const { return owned_; }  // its owner is the effective user
  bool read(std::uint64_t offset, std::span<std::byte> to) const { return read_fully(fd_.get(), offset, to); }
  // At most `most` bytes from the start, as many as there are.
  std::string text(std::size_t most) const;

 private:
  FileDescriptor fd_;
  std::uint64_t size_ = 0;
  bool owned_ = false;
};

// The first bytes of a file, at most `most`; empty where it cannot be read or is no regular file.
std::string first_bytes(const std::string& path, std::size_t most);
std::string first_bytes(int fd, std::size_t most);

}  // namespace heapglass
