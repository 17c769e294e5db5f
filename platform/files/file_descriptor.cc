#include "platform/files/file_descriptor.h"

#include <unistd.h>

#include <utility>

namespace heapglass {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace heapglass
