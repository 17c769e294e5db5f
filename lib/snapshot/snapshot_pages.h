// The pages of a snapshot file, filled in when they are asked for. For saved_memory.cc.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/snapshot_file.h"

namespace heapglass {

constexpr std::uint64_t kPagesPerBlock = 64;  // of memory.bytes

constexpr std::uint64_t snapshot_pages(std::uint64_t bytes) {
  return (bytes + kSnapshotPage - 1) / kSnapshotPage;
}
inline std::uint64_t count_words(const WordMask& mask) {
  std::uint64_t n = 0;
  for (const std::uint64_t bits : mask) n += static_cast<std::uint64_t>(__builtin_popcountll(bits));
  return n;
}
// Calls visit(number in the page) for each word of the mask, ascending.
template <class Visit>
void each_word(const WordMask& mask, Visit visit) {
  for (std::size_t i = 0; i < mask.size(); ++i)
    for (std::uint64_t bits = mask[i]; bits; bits &= bits - 1)
      visit(i * 64 + static_cast<std::uint64_t>(__builtin_ctzll(bits)));
}

class SnapshotPages {
 public:
  // Segments in order of address. Throws Error kFile.
  SnapshotPages(std::shared_ptr<const SnapshotFile> file, std::span<const std::uint64_t> starts,
                std::span<const std::uint64_t> sizes);
  static std::vector<std::shared_ptr<const SegmentGuard>> guards(
      const std::shared_ptr<const SnapshotPages>& pages);

  const std::byte* bytes(std::size_t segment) const { return segments_[segment].bytes.get(); }
  // Of one segment: are all these bytes in the file? Then they are in its bytes from here on.
  bool ready(std::size_t segment, std::uint64_t offset, std::uint64_t size) const;

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  // Zeroed memory costs nothing until it is filled.
  struct Segment {
    std::uint64_t start = 0, first_page = 0;  // pages of the segments before
    std::unique_ptr<std::byte, Free> bytes;
    std::unique_ptr<std::uint32_t, Free> kept;  // by page: its place among those of the file, counted from 1
  };
  struct Words;  // where the file has words, not pages
  Segment& segment_of(std::uint64_t page);
  std::byte* place_of(std::size_t kept, Address* address = nullptr) const;
  bool has_words(std::size_t kept, std::uint64_t from, std::uint64_t to) const;
  void load(std::size_t kept) const;
  void load_block(std::size_t kept) const;
  void load_words(std::size_t kept) const;

  const std::shared_ptr<const SnapshotFile> file_;
  std::vector<Segment> segments_;
  LargeVector<std::uint64_t> pages_;  // those of the file, ascending
  std::unique_ptr<std::atomic<bool>[]> loaded_;
  std::shared_ptr<Words> words_;
  mutable std::mutex mutex_;
};

}  // namespace heapglass
