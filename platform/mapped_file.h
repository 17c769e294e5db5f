// A file as bytes, read only when it is looked at.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "platform/process.h"

namespace heapglass {

class MappedFile {
 public:
  // Throws Error kUsage where there is no such file, kFile where it is none that can be mapped. A file that
  // another process cuts short while it is read costs us a SIGBUS.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  bool owned_by_caller() const { return owned_; }  // its owner is the effective user

 private:
  FileDescriptor fd_;
  std::span<const std::byte> bytes_;
  bool owned_ = false;
};

// The first bytes of a file, at most `most`; empty where it cannot be read or is no plain file.
std::string first_bytes(const std::string& path, std::size_t most);

}  // namespace heapglass
