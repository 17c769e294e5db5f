// Large arrays that are filled once: got in pages as large as the system has them, since getting a million
// numbers four kilobytes at a time takes longer than making them.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace heapglass {

// Not set to zero: every element is written before it is read.
template <class T>
std::shared_ptr<T[]> large_array(std::size_t n) {
  constexpr std::size_t kLargePage = std::size_t{2} << 20;
  if (n < kLargePage / sizeof(T)) return std::make_shared_for_overwrite<T[]>(n);
  if (n > ~std::size_t{0} / sizeof(T) - kLargePage) throw std::bad_alloc();
  const std::size_t bytes = (n * sizeof(T) + kLargePage - 1) / kLargePage * kLargePage;
  void* const room = std::aligned_alloc(kLargePage, bytes);
  if (!room) throw std::bad_alloc();
  madvise(room, bytes, MADV_HUGEPAGE);  // where that is refused it is as without
  return {static_cast<T*>(room), [](T* p) { std::free(p); }};
}

}  // namespace heapglass
