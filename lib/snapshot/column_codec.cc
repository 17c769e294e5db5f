#include "lib/snapshot/column_codec.h"

#include <zstd.h>

#include <algorithm>
#include <array>
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

// Elements are taken so many at a time, which stay near: loops of a known length become instructions that do
// many at once.
constexpr std::size_t kTogether = 512;

// Differences, then all lowest bytes, all second ones, and so on: bytes that are alike stand together.
template <class T>
void split(const std::byte* elements, std::size_t rows, Transform transform, std::byte* planes) {
  T before = 0;
  for (std::size_t first = 0; first < rows; first += kTogether) {
    const std::size_t n = std::min(kTogether, rows - first);
    // The one before them, and as many as there are of the last behind it: those differ by nothing.
    std::array<T, kTogether + 1> plain;
    plain[0] = before;
    std::memcpy(plain.data() + 1, elements + first * sizeof(T), n * sizeof(T));
    std::fill(plain.begin() + static_cast<std::ptrdiff_t>(n) + 1, plain.end(), plain[n]);
    before = plain[n];
    std::array<T, kTogether> some;
    if (transform == Transform::kDelta) {
      for (std::size_t i = 0; i < kTogether; ++i) {
        const T difference = static_cast<T>(plain[i + 1] - plain[i]);
        const T sign = static_cast<T>(T{0} - static_cast<T>(difference >> (sizeof(T) * 8 - 1)));
        some[i] = static_cast<T>(static_cast<T>(difference << 1) ^ sign);
      }
    } else {
      std::memcpy(some.data(), plain.data() + 1, sizeof some);
    }
    T any = 0;
    for (std::size_t i = 0; i < kTogether; ++i) any |= some[i];
    for (unsigned b = 0; b < sizeof(T); ++b) {
      std::byte* const plane = planes + b * rows + first;
      if ((static_cast<std::uint64_t>(any) >> (8 * b) & 0xff) == 0) {  // most numbers are small
        std::memset(plane, 0, n);
        continue;
      }
      std::array<std::uint8_t, kTogether> bytes;
      for (std::size_t i = 0; i < kTogether; ++i)
        bytes[i] = static_cast<std::uint8_t>(static_cast<T>(some[i] >> (8 * b)));
      std::memcpy(plane, bytes.data(), n);
    }
  }
}

template <class T>
void join(const std::byte* planes, std::size_t rows, Transform transform, std::byte* elements) {
  T before = 0;
  for (std::size_t first = 0; first < rows; first += kTogether) {
    const std::size_t n = std::min(kTogether, rows - first);
    std::array<T, kTogether> some{};
    for (unsigned b = 0; b < sizeof(T); ++b) {
      std::array<std::uint8_t, kTogether> bytes{};
      std::memcpy(bytes.data(), planes + b * rows + first, n);
      std::uint8_t any = 0;
      for (const std::uint8_t byte : bytes) any |= byte;
      if (any == 0) continue;
      for (std::size_t i = 0; i < kTogether; ++i)
        some[i] = static_cast<T>(some[i] | static_cast<T>(static_cast<T>(bytes[i]) << (8 * b)));
    }
    if (transform == Transform::kDelta)
      for (std::size_t i = 0; i < n; ++i) {
        const T difference =
            static_cast<T>(static_cast<T>(some[i] >> 1) ^ static_cast<T>(T{0} - static_cast<T>(some[i] & 1)));
        some[i] = before = static_cast<T>(before + difference);
      }
    std::memcpy(elements + first * sizeof(T), some.data(), n * sizeof(T));
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
  thread_local Scratch planes_room, stored_room;
  const std::byte* from = elements.data();
  if (!stands_as_it_is(width, transform)) {
    std::byte* const planes = planes_room.of(elements.size());
    with_width(width, [&](auto zero) {
      split<decltype(zero)>(elements.data(), elements.size() / width, transform, planes);
    });
    from = planes;
  }
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_checksumFlag, 1);
  const std::size_t most = ZSTD_compressBound(elements.size());
  std::byte* const stored = stored_room.of(most);
  const std::size_t n = ZSTD_compress2(compressor.get(), stored, most, from, elements.size());
  if (ZSTD_isError(n)) throw std::bad_alloc();  // nothing else can go wrong with room enough
  return {stored, stored + n};
}

std::size_t longest_block(std::size_t bytes) { return ZSTD_compressBound(bytes); }

bool decode_block(std::span<const std::byte> stored, unsigned width, Transform transform,
                  std::span<std::byte> elements) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> decompressor(ZSTD_createDCtx());
  if (!decompressor) throw std::bad_alloc();
  // One frame and nothing behind it: several would be read as one.
  if (ZSTD_findFrameCompressedSize(stored.data(), stored.size()) != stored.size()) return false;
  const bool plain = stands_as_it_is(width, transform);
  thread_local Scratch planes_room;
  std::byte* const to = plain ? elements.data() : planes_room.of(elements.size());
  const std::size_t n =
      ZSTD_decompressDCtx(decompressor.get(), to, elements.size(), stored.data(), stored.size());
  if (ZSTD_isError(n) || n != elements.size()) return false;
  if (!plain)
    with_width(width, [&](auto zero) {
      join<decltype(zero)>(to, elements.size() / width, transform, elements.data());
    });
  return true;
}

}  // namespace heapglass
