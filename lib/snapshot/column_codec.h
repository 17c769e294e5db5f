// One block of a column: elements of one width, made small. FORMAT.md says how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace heapglass {

enum class Transform : std::uint8_t {
  kNone = 0,
  kDelta = 1,  // differences from the element before, of the first from 0
};

// A block has at most this many bytes before it is compressed.
constexpr std::size_t kMostBlockBytes = std::size_t{1} << 20;

// Room for one block after the other: what stands in it from before is not cleared, and not given back.
class Scratch {
 public:
  std::byte* of(std::size_t bytes) {
    if (bytes > size_) {
      room_.reset(new std::byte[bytes]);
      size_ = bytes;
    }
    return room_.get();
  }

 private:
  std::unique_ptr<std::byte[]> room_;
  std::size_t size_ = 0;
};

// `elements` are whole ones of `width` bytes (1, 2, 4 or 8), little-endian. The result is one Zstandard frame
// with its checksum.
std::vector<std::byte> encode_block(std::span<const std::byte> elements, unsigned width, Transform transform);
// What encode_block() can make of so many bytes at most.
std::size_t longest_block(std::size_t bytes);
// False where `stored` is damaged, or makes anything but `elements.size()` bytes.
bool decode_block(std::span<const std::byte> stored, unsigned width, Transform transform,
                  std::span<std::byte> elements);

// Differences as they are stored: small ones of either sign become small numbers.
constexpr std::uint32_t zigzag(std::uint32_t difference) {
  return difference << 1 ^ (difference >> 31 ? ~std::uint32_t{0} : 0);
}
constexpr std::uint32_t unzigzag(std::uint32_t stored) {
  return stored >> 1 ^ (stored & 1 ? ~std::uint32_t{0} : 0);
}

}  // namespace heapglass
