#include "lib/memory/glibc/glibc_arena.h"

#include <algorithm>

namespace heapglass {
namespace {

constexpr std::uint64_t kBins = 127, kMostArenas = 10'000;

std::uint64_t word(const Image& image, Address a) {
  std::uint64_t w = 0;
  return image.load(a, w) ? w : 0;
}

// Is there an arena's array of bins here?
bool has_bins(const Image& image, Address bins) {
  const std::byte* const at = image.at(bins, kBins * 16);
  if (!at) return false;
  // The last bin, of the largest chunks, is mostly empty, so that it says no soonest.
  for (std::uint64_t i = kBins; i > 0; --i) {
    const Address as_chunk = bins + (i - 1) * 16 - 16;
    std::uint64_t fd, bk;
    std::memcpy(&fd, at + (i - 1) * 16, 8);
    std::memcpy(&bk, at + (i - 1) * 16 + 8, 8);
    if (fd == value(as_chunk) && bk == value(as_chunk)) continue;
    if (word(image, Address{fd} + 24) != value(as_chunk) || word(image, Address{bk} + 16) != value(as_chunk))
      return false;
  }
  return true;
}

bool is_libc(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  return file == "libc.so.6" || (file.starts_with("libc-2.") && file.ends_with(".so"));
}

// The arenas of the ring that the main arena with these bins begins; empty where it does not close.
std::vector<GlibcArena> ring(const Image& image, Address bins, std::uint64_t before_bins) {
  std::vector<GlibcArena> arenas{{bins - before_bins, bins, true}};
  while (arenas.size() < kMostArenas) {
    const Address next{word(image, arenas.back().next())};
    if (next == arenas.front().state) return arenas;
    GlibcArena arena{next, next + before_bins, false};
    const auto fits = [&](std::uint64_t bytes) {
      return word(image, Address{value(next) / bytes * bytes}) == value(next);
    };
    const auto heap_bytes = std::find_if(std::begin(kHeapBytes), std::end(kHeapBytes), fits);
    if (heap_bytes == std::end(kHeapBytes) || !has_bins(image, arena.bins)) break;
    arena.heap_bytes = *heap_bytes;
    arenas.push_back(arena);
  }
  return {};
}

}  // namespace

std::vector<GlibcArena> find_glibc_arenas(const Capture& capture) {
  const Image& image = *capture.image;
  for (const Mapping& m : capture.mappings) {
    if (!m.writable || !is_libc(m.path)) continue;
    for (Address at = m.start; at < m.end; at = at + 8) {
      std::uint64_t fd = 0;
      if (!image.load(at + (kBins - 1) * 16, fd)) continue;
      // An empty last bin is its own neighbour; otherwise the full look decides.
      if (fd == 0 || !has_bins(image, at)) continue;
      // glibc 2.27 and later; before; without fast bins.
      for (const std::uint64_t before : {112, 104, 32, 24})
        if (auto arenas = ring(image, at, before); !arenas.empty()) return arenas;
    }
  }
  return {};
}

}  // namespace heapglass
