#include "platform/targets/core_file.h"

#include <gtest/gtest.h>

#include <random>

#include "platform/targets/core_exercise.h"

namespace heapglass {
namespace {

MadeCore sample() {
  MadeCore core;
  core.add_load(0x400000, 0x1000, 0x3000, PF_R | PF_X);
  core.add_load(0x500000, 0x2000, 0x2000, PF_R | PF_W);
  core.add_load(0x7fff1000, 0x1000, 0x1000, PF_R | PF_X);
  core.files = {{0x400000, 0x403000, 0, "/usr/bin/program"},
                {0x600000, 0x602000, 7, "/lib/gone.so (deleted)"}};  // left out, as gcore does
  return core;
}

TEST(CoreFile, TellsWhatTheKernelWrote) {
  const auto bytes = sample().bytes();
  const CoreFile core = parse_core(bytes, "core");
  EXPECT_EQ(core.pid, 4711);
  EXPECT_EQ(core.command_line, "python3 service.py");
  EXPECT_EQ(core.threads.size(), 1u);
  EXPECT_EQ(core.program_headers, Address{0x400040});
  EXPECT_EQ(core.cut_bytes, 0u);
  ASSERT_EQ(core.segments.size(), 4u);
  const Mapping& text = core.segments[0].mapping;
  EXPECT_TRUE(text.readable && text.executable && !text.writable);
  EXPECT_EQ(text.path, "/usr/bin/program");
  EXPECT_EQ(core.segments[0].file_size, 0x1000u);
  EXPECT_EQ(text.size(), 0x3000u);
  EXPECT_FALSE(core.segments[1].mapping.has_file());
  EXPECT_TRUE(core.segments[1].mapping.writable);
  const CoreSegment& gone = core.segments[2];
  EXPECT_FALSE(gone.protection_known);
  EXPECT_TRUE(gone.mapping.deleted);
  EXPECT_EQ(gone.mapping.path, "/lib/gone.so");
  EXPECT_EQ(gone.mapping.file_offset, 7u * 4096);
  EXPECT_EQ(core.segments[3].mapping.path, "[vdso]");
}

TEST(CoreFile, SaysHowMuchIsCutOff) {
  auto bytes = sample().bytes();
  bytes.resize(bytes.size() - 0x1800);
  const CoreFile core = parse_core(bytes, "core");
  EXPECT_EQ(core.cut_bytes, 0x1800u);
}

TEST(CoreFile, OtherFilesAreRefused) {
  auto bytes = sample().bytes();
  auto refused = [&](std::size_t at, unsigned char value, const char* says) {
    auto other = bytes;
    other[at] = std::byte{value};
    try {
      parse_core(other, "file");
      ADD_FAILURE() << "taken, though " << says;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  };
  refused(0, 'x', "not a core file");
  refused(offsetof(Elf64_Ehdr, e_type), ET_DYN, "program or library");
  refused(offsetof(Elf64_Ehdr, e_machine), EM_RISCV, "another kind of machine");
  refused(offsetof(Elf64_Ehdr, e_phoff) + 5, 9, "damaged");
}

// Whatever the bytes: an answer within bounds, or an Error.
TEST(CoreFile, DamagedOnesAreReadOrRefused) {
  const auto bytes = sample().bytes();
  for (std::size_t size = 0; size < bytes.size(); size += size < 4096 ? 1 : 97)
    exercise_core(std::span(bytes).first(size));
  std::mt19937 random(5);
  const std::uint64_t kNumbers[] = {0, 1, 0xff, 0xffff, 0xffffffff, 0x7fffffffffff, ~0ULL, ~0xfULL};
  unsigned taken = 0;
  for (int i = 0; i < 20000; ++i) {
    auto damaged = bytes;
    for (unsigned n = 1 + random() % 4; n > 0; --n) {
      const std::size_t at = random() % 2048 / 4 * 4;
      const std::uint64_t number = random() % 2 ? kNumbers[random() % std::size(kNumbers)] : random();
      std::memcpy(damaged.data() + at, &number, random() % 2 ? 8 : 4);
    }
    taken += exercise_core(damaged);
  }
  EXPECT_GT(taken, 1000u);
}

}  // namespace
}  // namespace heapglass
