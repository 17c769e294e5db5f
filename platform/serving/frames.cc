#include "platform/serving/frames.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace heapglass {
namespace {

bool write_all(int pipe, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t n = write(pipe, bytes, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    count -= static_cast<std::size_t>(n);
  }
  return true;
}

bool read_all(int pipe, char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t n = read(pipe, bytes, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    count -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

bool write_frame(int pipe, std::string_view bytes) {
  const std::uint64_t size = bytes.size();
  char head[sizeof size];
  std::memcpy(head, &size, sizeof size);
  return write_all(pipe, head, sizeof head) && write_all(pipe, bytes.data(), bytes.size());
}

std::optional<std::string> read_frame(int pipe, std::uint64_t most) {
  std::uint64_t size = 0;
  char head[sizeof size];
  if (!read_all(pipe, head, sizeof head)) return std::nullopt;
  std::memcpy(&size, head, sizeof size);
  if (size > most) return std::nullopt;
  std::string bytes(size, '\0');
  if (!read_all(pipe, bytes.data(), bytes.size())) return std::nullopt;
  return bytes;
}

}  // namespace heapglass
