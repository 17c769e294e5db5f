#include "platform/copy_arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "lib/base/error.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace heapglass {
namespace {

constexpr std::uint64_t kSmallPage = 4096;
constexpr std::uint64_t kHugePage = 2u << 20;

[[noreturn]] void fail() {
  throw Error(ErrorKind::kUnreachable,
              "cannot make room for a copy of the target's memory: " + std::string(std::strerror(errno)),
              "the copy needs about as much memory as the target has resident");
}

}  // namespace

CopyArena::CopyArena(std::uint64_t size) : size_(size) {
  fd_ = FileDescriptor(memfd_create("heapglass-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd_ || ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) fail();
  base_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd_.get(), 0);
  if (base_ == MAP_FAILED) fail();
  madvise(base_, size, MADV_DONTFORK);  // a helper of ours has no use for it
}

CopyArena::~CopyArena() { munmap(base_, size_); }

void CopyArena::seal() const {
  // A kernel before 5.1 knows no such seal for a file that is mapped; the descriptor never leaves us either
  // way.
  constexpr int kFutureWrite = 0x10;  // F_SEAL_FUTURE_WRITE
  if (fcntl(fd_.get(), F_ADD_SEALS, kFutureWrite | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

void prefault(std::byte* start, std::uint64_t size) {
  const auto from = reinterpret_cast<std::uintptr_t>(start);
  const std::uintptr_t huge_from = (from + kHugePage - 1) / kHugePage * kHugePage,
                       huge_to = (from + size) / kHugePage * kHugePage;
  if (huge_to > huge_from) madvise(reinterpret_cast<void*>(huge_from), huge_to - huge_from, MADV_HUGEPAGE);
  if (madvise(start, size, MADV_POPULATE_WRITE) != 0) {
    for (std::uint64_t i = 0; i < size; i += kSmallPage) {
      volatile std::byte* touch = start + i;
      *touch = std::byte{0};
    }
  }
}

}  // namespace heapglass
