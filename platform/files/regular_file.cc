#include "platform/files/regular_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/error.h"

namespace heapglass {
namespace {

// The file behind a descriptor that was opened with O_PATH, which opens nothing yet.
FileDescriptor reopen(const FileDescriptor& place) {
  struct stat status {};
  if (!place || fstat(place.get(), &status) != 0) return FileDescriptor();
  if (!S_ISREG(status.st_mode)) {
    errno = EINVAL;
    return FileDescriptor();
  }
  const std::string link = "/proc/self/fd/" + std::to_string(place.get());
  // O_NONBLOCK: another process may hold a lease on the file, whose end is not waited for.
  return FileDescriptor(::open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

}  // namespace

FileDescriptor open_regular_file(const std::string& path) {
  return reopen(FileDescriptor(::open(path.c_str(), O_PATH | O_CLOEXEC)));
}

FileDescriptor open_regular_file_in(const std::string& root, const std::string& path) {
  if (root.empty() || root == "/") return open_regular_file(path);
  const FileDescriptor folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return FileDescriptor();
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, folder.get(), path.c_str(), &how, sizeof how);
  // Before Linux 5.6, and where a filter does not know the call: an absolute link leads to our own root then.
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) return open_regular_file(root + "/" + path);
  return reopen(FileDescriptor(static_cast<int>(fd)));
}

std::string describe_open_failure(int error) {
  return error == EINVAL ? "it is not a regular file" : std::strerror(error);
}

bool read_fully(int fd, std::uint64_t offset, std::span<std::byte> to) {
  while (!to.empty()) {
    const ssize_t n = pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to = to.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return true;
}

std::string first_bytes(int fd, std::size_t most) {
  std::string out;
  std::size_t there = 0;
  while (there < most) {
    out.resize(std::min<std::size_t>(most, std::max<std::size_t>(2 * there, 4096)));
    const ssize_t n = pread(fd, out.data() + there, out.size() - there, static_cast<off_t>(there));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    there += static_cast<std::size_t>(n);
  }
  out.resize(there);
  return out;
}

RegularFile::RegularFile(const std::string& path) : fd_(open_regular_file(path)) {
  struct stat status {};
  if (!fd_ || fstat(fd_.get(), &status) != 0)
    throw Error(errno == ENOENT ? ErrorKind::kUsage : ErrorKind::kFile,
                "cannot open '" + path + "': " + describe_open_failure(errno));
  size_ = static_cast<std::uint64_t>(status.st_size);
  owned_ = status.st_uid == geteuid();
}

std::string RegularFile::text(std::size_t most) const {
  return first_bytes(fd_.get(), static_cast<std::size_t>(std::min<std::uint64_t>(most, size_)));
}

std::string first_bytes(const std::string& path, std::size_t most) {
  const FileDescriptor fd = open_regular_file(path);
  return fd ? first_bytes(fd.get(), most) : std::string();
}

}  // namespace heapglass
