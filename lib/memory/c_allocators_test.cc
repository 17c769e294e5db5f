#include "lib/memory/c_allocators.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

Mappings mapped(const std::string& path) {
  Mapping mapping;
  mapping.path = path;
  return {Mapping(), mapping};
}

TEST(UnreadAllocator, IsNamedByItsFileOrItsMappings) {
  EXPECT_EQ(unread_allocator(mapped("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")), "jemalloc");
  EXPECT_EQ(unread_allocator(mapped("[anon:mimalloc]")), "mimalloc");
  EXPECT_EQ(unread_allocator(mapped("/usr/lib/libtcmalloc_minimal.so.4")), "tcmalloc");
  EXPECT_EQ(unread_allocator(mapped("/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so")), "valgrind");
}

TEST(UnreadAllocator, IsNotToldByAFolder) {
  EXPECT_EQ(unread_allocator(mapped("/opt/jemalloc-5/lib/libother.so")), "");
  EXPECT_EQ(unread_allocator(mapped("/usr/lib/x86_64-linux-gnu/libc.so.6")), "");
}

}  // namespace
}  // namespace heapglass
