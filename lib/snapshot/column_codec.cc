#include "lib/snapshot/column_codec.h"

#include <zstd.h>

#include <cstring>
#include <memory>
#include <new>

namespace heapglass {
namespace {

// Times, not bytes, are short while a target's snapshot is written; the columns are made of differences
// already, so that higher levels find little more.
constexpr int kLevel = 1;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* d) const { ZSTD_freeDCtx(d); }
};

template <class T>
T load(const std::byte* at) {
  T out;
  std::memcpy(&out, at, sizeof out);
  return out;
}

// Differences, then all lowest bytes, all second ones, and so on: bytes that are alike stand together.
template <class T>
void split(const std::byte* elements, std::size_t rows, Transform transform, std::byte* planes) {
  T before = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const T element = load<T>(elements + i * sizeof(T));
    T out = element;
    if (transform == Transform::kDelta) {
      const T difference = static_cast<T>(element - before);
      const bool negative = difference >> (sizeof(T) * 8 - 1);
      out = static_cast<T>(static_cast<T>(difference << 1) ^ (negative ? static_cast<T>(~T{0}) : T{0}));
      before = element;
    }
    for (unsigned b = 0; b < sizeof(T); ++b)
      planes[b * rows + i] = static_cast<std::byte>(static_cast<std::uint64_t>(out) >> (8 * b));
  }
}

template <class T>
void join(const std::byte* planes, std::size_t rows, Transform transform, std::byte* elements) {
  T before = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    std::uint64_t word = 0;
    for (unsigned b = 0; b < sizeof(T); ++b)
      word |= std::to_integer<std::uint64_t>(planes[b * rows + i]) << (8 * b);
    T element = static_cast<T>(word);
    if (transform == Transform::kDelta) {
      element = static_cast<T>(static_cast<T>(element >> 1) ^ (element & 1 ? static_cast<T>(~T{0}) : T{0}));
      element = static_cast<T>(element + before);
      before = element;
    }
    std::memcpy(elements + i * sizeof(T), &element, sizeof(T));
  }
}

template <class Do>
void with_width(unsigned width, Do action) {
  switch (width) {
    case 1:
      return action(std::uint8_t{});
    case 2:
      return action(std::uint16_t{});
    case 4:
      return action(std::uint32_t{});
    default:
      return action(std::uint64_t{});
  }
}

bool stands_as_it_is(unsigned width, Transform transform) {
  return width == 1 && transform == Transform::kNone;
}

}  // namespace

std::vector<std::byte> encode_block(std::span<const std::byte> elements, unsigned width,
                                    Transform transform) {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> compressor(ZSTD_createCCtx());
  if (!compressor) throw std::bad_alloc();
  std::vector<std::byte> planes;
  const std::byte* from = elements.data();
  if (!stands_as_it_is(width, transform)) {
    planes.resize(elements.size());
    with_width(width, [&](auto zero) {
      split<decltype(zero)>(elements.data(), elements.size() / width, transform, planes.data());
    });
    from = planes.data();
  }
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_checksumFlag, 1);
  std::vector<std::byte> stored(ZSTD_compressBound(elements.size()));
  const std::size_t n = ZSTD_compress2(compressor.get(), stored.data(), stored.size(), from, elements.size());
  if (ZSTD_isError(n)) throw std::bad_alloc();  // nothing else can go wrong with room enough
  stored.resize(n);
  stored.shrink_to_fit();
  return stored;
}

bool decode_block(std::span<const std::byte> stored, unsigned width, Transform transform,
                  std::span<std::byte> elements) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> decompressor(ZSTD_createDCtx());
  if (!decompressor) throw std::bad_alloc();
  // One frame and nothing behind it: several would be read as one.
  if (ZSTD_findFrameCompressedSize(stored.data(), stored.size()) != stored.size()) return false;
  const bool plain = stands_as_it_is(width, transform);
  std::vector<std::byte> planes(plain ? 0 : elements.size());
  std::byte* const to = plain ? elements.data() : planes.data();
  const std::size_t n =
      ZSTD_decompressDCtx(decompressor.get(), to, elements.size(), stored.data(), stored.size());
  if (ZSTD_isError(n) || n != elements.size()) return false;
  if (!plain)
    with_width(width, [&](auto zero) {
      join<decltype(zero)>(planes.data(), elements.size() / width, transform, elements.data());
    });
  return true;
}

}  // namespace heapglass
