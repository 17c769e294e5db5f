#include "lib/target/memory_reader.h"

#include <algorithm>

namespace heapglass {

std::optional<std::string> read_c_string(const MemoryReader& memory, Address from, std::size_t limit) {
  // Word by word: it may end right before an unreadable page, and what stands behind it is nobody's business.
  std::string text;
  while (text.size() < limit) {
    const Address at = from + text.size();
    const std::size_t piece = std::min<std::size_t>(8 - value(at) % 8, limit - text.size());
    char bytes[8];
    if (!memory.read(at, std::as_writable_bytes(std::span(bytes, piece)))) return std::nullopt;
    if (const void* end = std::memchr(bytes, 0, piece)) {
      text.append(bytes, static_cast<const char*>(end) - bytes);
      return text;
    }
    text.append(bytes, piece);
  }
  return std::nullopt;
}

}  // namespace heapglass
