#include "platform/process/proc_maps.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(ProcMaps, ReadsEveryForm) {
  const Mappings maps = parse_proc_maps(
      "00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/dbus-daemon\n"
      "7f0000000000-7f0000001000 rw-s 00000000 00:05 9   /memfd:a b (deleted)\n"
      "7f0000002000-7f0000003000 ---p 00000000 00:00 0 \n"
      "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n"
      "7ffd00100000-7ffd00101000 r--p 00000000 08:02 7 /odd\\012name\n"
      "nonsense\n"
      "20-10 r--p 00000000 00:00 0\n"
      "7ffd00200000-7ffd00201000 r--p 00000000 00:00 0");
  ASSERT_EQ(maps.size(), 6u);
  EXPECT_EQ(maps[0].start, Address{0x400000});
  EXPECT_EQ(maps[0].file_offset, 0x1000u);
  EXPECT_EQ(maps[0].path, "/usr/bin/dbus-daemon");
  EXPECT_TRUE(maps[0].executable && maps[0].readable && !maps[0].writable && !maps[0].shared);
  EXPECT_TRUE(maps[1].shared && maps[1].deleted);
  EXPECT_EQ(maps[1].path, "/memfd:a b");
  EXPECT_FALSE(maps[2].readable);
  EXPECT_EQ(maps[3].path, "[stack]");
  EXPECT_EQ(maps[4].path, "/odd\nname");
  EXPECT_EQ(find_mapping(maps, Address{0x400fff}), &maps[0]);
  EXPECT_EQ(find_mapping(maps, Address{0x452000}), nullptr);
}

TEST(ProcMaps, NonsenseIsNoMapping) {
  for (const char* text : {"", "\n\n", "-", "zz-yy r--p 0 0:0 0", "1-2", "1-2 rw", "1-2 rwxp 0",
                           "1-2 rwxp 0 1:", "ffffffffffffffffff-2 rwxp 0 0:0 0"}) {
    EXPECT_TRUE(parse_proc_maps(text).empty()) << text;
  }
}

}  // namespace
}  // namespace heapglass
