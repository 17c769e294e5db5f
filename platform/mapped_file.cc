#include "platform/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/base/error.h"

namespace heapglass {

MappedFile::MappedFile(const std::string& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
  if (!fd_)
    throw Error(errno == ENOENT ? ErrorKind::kUsage : ErrorKind::kFile,
                "cannot open '" + path + "': " + std::strerror(errno));
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0 || !S_ISREG(status.st_mode))
    throw Error(ErrorKind::kFile, "cannot read '" + path + "': it is no plain file");
  owned_ = status.st_uid == geteuid();
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* const at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd_.get(), 0);
  if (at == MAP_FAILED) throw Error(ErrorKind::kFile, "cannot read '" + path + "': " + std::strerror(errno));
  bytes_ = {static_cast<const std::byte*>(at), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::string first_bytes(const std::string& path, std::size_t most) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  std::string out(most, '\0');
  const ssize_t n = pread(fd.get(), out.data(), most, 0);
  out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return out;
}

}  // namespace heapglass
