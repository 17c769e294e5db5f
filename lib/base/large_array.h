// Large arrays that are filled once: got in pages as large as the system has them, since getting a million
// numbers four kilobytes at a time takes longer than making them.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace heapglass {

constexpr std::size_t kLargePage = std::size_t{2} << 20;

// For std::vector, whose room is reserved, or resized once: resize() leaves new elements as they are, so that
// many threads can write the first bytes there. resize(n, 0) sets them.
template <class T>
struct LargeAllocator {
  using value_type = T;
  LargeAllocator() = default;
  template <class U>
  explicit LargeAllocator(const LargeAllocator<U>&) {}
  T* allocate(std::size_t n) {
    if (n > ~std::size_t{0} / sizeof(T) - kLargePage) throw std::bad_alloc();
    const bool large = n >= kLargePage / sizeof(T);
    const std::size_t bytes =
        large ? (n * sizeof(T) + kLargePage - 1) / kLargePage * kLargePage : n * sizeof(T);
    void* const room = large ? std::aligned_alloc(kLargePage, bytes) : std::malloc(bytes ? bytes : 1);
    if (!room) throw std::bad_alloc();
    if (large) madvise(room, bytes, MADV_HUGEPAGE);  // where that is refused it is as without
    return static_cast<T*>(room);
  }
  void deallocate(T* room, std::size_t) { std::free(room); }
  template <class U, class... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    if constexpr (sizeof...(Arguments) == 0)
      ::new (static_cast<void*>(at)) U;
    else
      ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }
  bool operator==(const LargeAllocator&) const = default;
};
template <class T>
using LargeVector = std::vector<T, LargeAllocator<T>>;

// Not set to zero: every element is written before it is read.
template <class T>
std::shared_ptr<T[]> large_array(std::size_t n) {
  return {LargeAllocator<T>().allocate(n), [](T* p) { std::free(p); }};
}

}  // namespace heapglass
