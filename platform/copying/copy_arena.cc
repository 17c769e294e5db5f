#include "platform/copying/copy_arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "lib/base/error.h"
#include "lib/base/page.h"
#include "lib/base/parallel.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace heapglass {
namespace {

constexpr std::uint64_t kHugePage = 2u << 20;
// What stands in memory twice while it is moved, for each thread.
constexpr std::uint64_t kMovedAtOnce = 16u << 20;

[[noreturn]] void fail() {
  throw Error(ErrorKind::kUnreachable,
              "cannot make room for a copy of the target's memory: " + std::string(std::strerror(errno)),
              "the copy needs about as much memory as the target has resident");
}

bool write_at(int fd, const std::byte* bytes, std::uint64_t size, std::uint64_t offset) {
  while (size > 0) {
    const ssize_t n = pwrite(fd, bytes, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::uint64_t>(n);
  }
  return true;
}

}  // namespace

CopyArena::CopyArena(std::uint64_t size) : size_((size + kPage - 1) / kPage * kPage) {
  fd_ = FileDescriptor(memfd_create("heapglass-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd_ || ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) fail();
  base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base_ == MAP_FAILED) {
    // Where memory is promised strictly (vm.overcommit_memory=2), what is not touched counts too; of a file
    // only what is.
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd_.get(), 0);
    if (base_ == MAP_FAILED) fail();
    is_file_ = true;
  } else {
    // Huge pages only where they are asked for: a page of a thread's stack would become 2 MB.
    madvise(base_, size_, MADV_NOHUGEPAGE);
  }
  madvise(base_, size_, MADV_DONTFORK);  // a helper of ours has no use for it
}

CopyArena::~CopyArena() { munmap(base_, size_); }

void CopyArena::seal() const {
  // A kernel before 5.1 knows no such seal for a file that is mapped; the descriptor never leaves us either
  // way.
  constexpr int kFutureWrite = 0x10;  // F_SEAL_FUTURE_WRITE
  if (fcntl(fd_.get(), F_ADD_SEALS, kFutureWrite | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

// What of the kernel's own is in a page that was never touched is in the file's too: zeros.
void CopyArena::move(std::byte* start, std::uint64_t size, std::span<const Written> written) {
  const std::byte* const end = start + size;
  auto run = std::partition_point(written.begin(), written.end(),
                                  [&](const Written& each) { return each.end <= start; });
  for (; run != written.end() && run->start < end; ++run) {
    const std::byte *const from = std::max<const std::byte*>(run->start, start), *const to =
                                                                                     std::min(run->end, end);
    if (!write_at(fd_.get(), from, static_cast<std::uint64_t>(to - from),
                  static_cast<std::uint64_t>(from - base())))
      fail();
  }
  if (mmap(start, size, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd_.get(), start - base()) ==
      MAP_FAILED)
    fail();
  madvise(start, size, MADV_DONTFORK);
}

void CopyArena::make_file(std::span<const Written> written) {
  if (!is_file_)
    parallel_for((size_ + kMovedAtOnce - 1) / kMovedAtOnce, [&](std::size_t i, unsigned) {
      const std::uint64_t from = i * kMovedAtOnce;
      move(base() + from, std::min(kMovedAtOnce, size_ - from), written);
    });
  is_file_ = true;
  seal();
}

void CopyArena::prefault(std::byte* start, std::uint64_t size) {
  if (!is_file_) {
    const auto from = reinterpret_cast<std::uintptr_t>(start);
    const std::uintptr_t huge_from = (from + kHugePage - 1) / kHugePage * kHugePage,
                         huge_to = (from + size) / kHugePage * kHugePage;
    if (huge_to > huge_from) madvise(reinterpret_cast<void*>(huge_from), huge_to - huge_from, MADV_HUGEPAGE);
  }
  heapglass::prefault(start, size);
}

void prefault(std::byte* start, std::uint64_t size) {
  if (madvise(start, size, MADV_POPULATE_WRITE) != 0) {
    for (std::uint64_t i = 0; i < size; i += kPage) {
      volatile std::byte* touch = start + i;
      *touch = std::byte{0};
    }
  }
}

}  // namespace heapglass
