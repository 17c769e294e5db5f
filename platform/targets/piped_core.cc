#include "platform/targets/piped_core.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/page.h"

namespace heapglass {
namespace {

constexpr std::size_t kAtOnce = 1 << 20;

[[noreturn]] void fail(const std::string& what, const std::string& hint = "") {
  throw Error(ErrorKind::kFile, "cannot take the core of standard input: " + what, hint);
}

FileDescriptor nameless_file(const std::string& folder) {
  FileDescriptor file(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  // Of a file system without such files: a name for a moment.
  std::string name = folder + "/.heapglass-core-XXXXXX";
  file = FileDescriptor(mkostemp(name.data(), O_CLOEXEC));
  if (file) unlink(name.c_str());
  return file;
}

// As much as there is until `room` is full or the pipe ends.
std::size_t fill(int from, std::vector<char>& room) {
  std::size_t there = 0;
  while (there < room.size()) {
    const ssize_t n = read(from, room.data() + there, room.size() - there);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(std::strerror(errno));
    if (n == 0) break;
    there += static_cast<std::size_t>(n);
  }
  return there;
}

bool may_be_core(std::string_view start) {
  using namespace std::string_view_literals;
  return start.starts_with(
             "\x7f"
             "ELF"sv) ||
         start.starts_with("\x1f\x8b"sv) || start.starts_with("\x28\xb5\x2f\xfd"sv);
}

bool is_zero(const char* bytes, std::size_t size) {
  return bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0;
}

// Returns how many bytes took room.
std::uint64_t write_pages(int to, std::uint64_t at, std::string_view bytes) {
  std::uint64_t taken = 0;
  while (!bytes.empty()) {
    std::size_t n = 0;
    while (n < bytes.size()) {
      const std::size_t page = std::min<std::size_t>(kPage, bytes.size() - n);
      if (is_zero(bytes.data() + n, page)) break;
      n += page;
    }
    for (std::size_t done = 0; done < n;) {
      const ssize_t wrote = pwrite(to, bytes.data() + done, n - done, static_cast<off_t>(at + done));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0)
        fail(std::strerror(wrote < 0 ? errno : ENOSPC), "make room, or give a folder on another disk");
      done += static_cast<std::size_t>(wrote);
    }
    taken += n;
    if (n == 0) n = std::min<std::size_t>(kPage, bytes.size());
    bytes.remove_prefix(n);
    at += n;
  }
  return taken;
}

}  // namespace

FileDescriptor store_piped_core(int from, const std::string& folder, std::uint64_t most) {
  struct stat about {};
  if (fstat(from, &about) != 0) fail(std::strerror(errno));
  if (isatty(from))
    throw Error(ErrorKind::kUsage, "standard input is a terminal, and no core",
                "heapglass snapshot - -o service.hg <core; - is for the pipe of core_pattern");
  std::vector<char> room(kAtOnce);
  std::size_t there = fill(from, room);
  if (!may_be_core({room.data(), there}))
    throw Error(ErrorKind::kUsage,
                there == 0 ? "there is nothing on standard input" : "there is no core on standard input",
                "the kernel sends one by a core_pattern that begins with |");
  const FileDescriptor file = nameless_file(folder);
  struct statvfs disk {};
  if (!file || fstatvfs(file.get(), &disk) != 0)
    fail("no file can be made in '" + folder + "': " + std::strerror(errno),
         "give -o a folder that may be written");
  const std::uint64_t budget = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize / 2;
  std::uint64_t read_bytes = 0, taken = 0;
  while (there > 0) {
    if (most && read_bytes + there > most)
      fail("it has more than the " + std::to_string(most) + " bytes of --max-core", "allow more");
    if (!most && taken + there > budget)
      fail("it takes more than half of what is free in '" + folder + "'",
           "make room, or say with --max-core how much it may have");
    taken += write_pages(file.get(), read_bytes, {room.data(), there});
    read_bytes += there;
    there = there < room.size() ? 0 : fill(from, room);
  }
  if (ftruncate(file.get(), static_cast<off_t>(read_bytes)) != 0) fail(std::strerror(errno));
  return FileDescriptor(fcntl(file.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace heapglass
