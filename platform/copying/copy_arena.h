// Where a copy of the target's memory stands with us.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "platform/process/process.h"

namespace heapglass {

// Memory of our own, in huge pages where it was prefaulted in large pieces: filled some seven times as fast
// as a memfd, which has none unless the system was told to (shmem_enabled). The same bytes are in a memfd
// from make_file() on, for a later step that maps them elsewhere.
class CopyArena {
 public:
  explicit CopyArena(
      std::uint64_t size);  // bytes; none is taken before it is touched. Throws Error kUnreachable
  ~CopyArena();
  CopyArena(const CopyArena&) = delete;
  CopyArena& operator=(const CopyArena&) = delete;
  std::byte* base() const { return static_cast<std::byte*>(base_); }
  int descriptor() const { return fd_.get(); }  // has the bytes from make_file() on
  struct Written {
    const std::byte* start = nullptr;
    const std::byte* end = nullptr;
  };
  // Moves what was written into the descriptor, in place: who reads it meanwhile, from whatever thread, sees
  // the same bytes at the same addresses, and it is in memory twice only piece by piece. Nobody can write
  // either from then on. `written`: in order and apart, of this arena and others; the rest is zeros. Once
  // more: nothing. Throws Error kUnreachable where there is no room; what was written stays readable.
  void make_file(std::span<const Written> written);
  // Makes the pages of a part of it now: huge ones, where whole ones are inside.
  void prefault(std::byte* start, std::uint64_t size);

 private:
  void move(std::byte* start, std::uint64_t size, std::span<const Written> written);
  void seal() const;

  FileDescriptor fd_;
  std::uint64_t size_;
  void* base_ = nullptr;
  bool is_file_ = false;
};

// Makes the pages of a buffer now.
void prefault(std::byte* start, std::uint64_t size);

}  // namespace heapglass
