#include "lib/memory/mapped_pools.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

constexpr std::uint64_t kData = 0x7f0000010000, kPool = 0x7e0000000000, kFurther = 0x7e0000200000,
                        kPoolSize = 0x100000;

class MappedPools : public testing::Test {
 protected:
  MappedPools() { capture_.image = std::make_shared<Image>(); }

  std::vector<std::uint64_t>& map(std::uint64_t start, std::uint64_t size, const std::string& file,
                                  bool executable = false) {
    auto words = std::make_shared<std::vector<std::uint64_t>>(size / 8);
    capture_.image->add({.start = Address{start},
                         .size = size,
                         .bytes = reinterpret_cast<const std::byte*>(words->data()),
                         .heap = !executable},
                        words);
    capture_.mappings.push_back({.start = Address{start},
                                 .end = Address{start + size},
                                 .readable = true,
                                 .writable = !executable,
                                 .executable = executable,
                                 .inode = file.empty() ? 0u : 1u,
                                 .path = file});
    return *words;
  }
  void map_library(std::uint64_t start, const std::string& file) {
    map(start - 0x1000, 0x1000, file, true);
    data_ = &map(start, 0x1000, file);
  }
  std::vector<std::string> libraries(std::vector<PoolRegion> regions) {
    capture_.image->seal();
    std::sort(capture_.mappings.begin(), capture_.mappings.end(),
              [](const Mapping& a, const Mapping& b) { return a.start < b.start; });
    find_pool_libraries(capture_, {}, regions);
    std::vector<std::string> names;
    for (const PoolRegion& r : regions) names.push_back(r.library);
    return names;
  }
  static PoolRegion region(std::uint64_t start) {
    return {.start = Address{start}, .end = Address{start + kPoolSize}, .bytes = kPoolSize};
  }

  Capture capture_;
  std::vector<std::uint64_t>* data_ = nullptr;
};

TEST_F(MappedPools, AreOfTheLibraryWhoseVariablesLeadThere) {
  map_library(kData, "/opt/lib/libpool.so.1");
  (*data_)[3] = kPool + 64;
  std::vector<std::uint64_t>& pool = map(kPool, kPoolSize, "");
  pool[8] = kFurther;
  map(kFurther, kPoolSize, "");
  using Names = std::vector<std::string>;
  EXPECT_EQ(libraries({region(kPool), region(kFurther)}), (Names{"libpool.so.1", "libpool.so.1"}))
      << "the second by the first";
}

TEST_F(MappedPools, OfAnInterpreterOrTheCLibraryNameNobody) {
  for (const char* file : {"/lib/libc.so.6", "/usr/bin/python3.11", "/usr/lib/libpython3.11.so.1.0",
                           "/usr/lib/python3.11/lib-dynload/_ctypes.cpython-311.so"}) {
    capture_ = {.image = std::make_shared<Image>()};
    map_library(kData, file);
    (*data_)[3] = kPool;
    map(kPool, kPoolSize, "");
    EXPECT_EQ(libraries({region(kPool)}), std::vector<std::string>{""}) << file;
  }
}

TEST_F(MappedPools, WithPythonsObjectsAreNobodysOwn) {
  map_library(kData, "/opt/lib/libpool.so.1");
  (*data_)[3] = kPool;
  map(kPool, kPoolSize, "");
  PoolRegion with_objects = region(kPool);
  with_objects.has_objects = true;
  EXPECT_EQ(libraries({with_objects}), std::vector<std::string>{""});
}

// As C++ objects that lie there lead to the tables of their classes.
TEST_F(MappedPools, AreOfTheLibraryThatTheyLeadTo) {
  map_library(kData, "/opt/lib/libpool.so.1");
  map(kPool, kPoolSize, "")[100] = kData + 8;
  EXPECT_EQ(libraries({region(kPool)}), std::vector<std::string>{"libpool.so.1"});
}

}  // namespace
}  // namespace heapglass
