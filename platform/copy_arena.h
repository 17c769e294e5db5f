// Where a copy of the target's memory stands with us.
#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/process.h"

namespace heapglass {

// Memory in a memfd: a later step maps the same bytes elsewhere without copying them.
class CopyArena {
 public:
  explicit CopyArena(
      std::uint64_t size);  // bytes; none is taken before it is touched. Throws Error kUnreachable
  ~CopyArena();
  CopyArena(const CopyArena&) = delete;
  CopyArena& operator=(const CopyArena&) = delete;
  std::byte* base() const { return static_cast<std::byte*>(base_); }
  int descriptor() const { return fd_.get(); }
  // From here on nobody can map it to write, nor change its size: what is mapped from it later is what was
  // captured.
  void seal() const;

 private:
  FileDescriptor fd_;
  std::uint64_t size_;
  void* base_ = nullptr;
};

// Makes the pages of a buffer now, huge ones where the system allows them for memfds.
void prefault(std::byte* start, std::uint64_t size);

}  // namespace heapglass
