// Damaged files: whatever the bytes, there is an answer, and soon. Under ASan and UBSan the same says more.

#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>

#include "platform/binaries/elf_exercise.h"

namespace heapglass {
namespace {

std::vector<char> read_sample(const std::string& name) {
  std::ifstream in(std::string(HEAPGLASS_ELF_SAMPLES) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A copy of its own that ends where it ends, so that ASan sees a read of the byte after.
ElfExercise exercise(const std::vector<char>& bytes, std::size_t size) {
  const std::unique_ptr<char[]> copy(new char[size]);
  std::copy_n(bytes.begin(), size, copy.get());
  return exercise_elf(std::as_bytes(std::span(copy.get(), size)));
}

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Where a flipped bit has a meaning for us: the headers, and the sections that are read.
std::vector<Range> telling_parts(const std::vector<char>& bytes) {
  std::string why;
  const auto file = ElfFile::from_memory(std::as_bytes(std::span(bytes)), "sample", why);
  std::vector<Range> parts = {{0, 0x400},
                              {bytes.size() - std::min<std::size_t>(bytes.size(), 0xa00), bytes.size()}};
  for (const ElfSection& section : file->sections()) {
    const bool read = section.name.starts_with(".debug_") || section.name.ends_with("symtab") ||
                      section.name.ends_with("strtab") || section.name.starts_with(".note") ||
                      section.name == ".dynsym" || section.name == ".dynstr";
    if (read && section.has_bytes && section.size > 0)
      parts.push_back({section.offset, section.offset + section.size});
  }
  return parts;
}

class Damage : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    bytes_ = read_sample(GetParam());
    if (bytes_.empty()) GTEST_SKIP() << "no sample " << GetParam();
  }
  void TearDown() override {
    // Generous to a busy machine and to sanitizers: what is to be caught takes minutes.
    EXPECT_LT(slowest_, std::chrono::seconds(20));
  }
  ElfExercise timed(const std::vector<char>& bytes, std::size_t size) {
    const auto start = std::chrono::steady_clock::now();
    const ElfExercise out = exercise(bytes, size);
    slowest_ = std::max<std::chrono::duration<double>>(slowest_, std::chrono::steady_clock::now() - start);
    return out;
  }
  std::vector<char> bytes_;
  std::chrono::duration<double> slowest_{0};
};

TEST_P(Damage, NoneGivesAll) {
  const ElfExercise all = timed(bytes_, bytes_.size());
  EXPECT_TRUE(all.opened);
  EXPECT_GT(all.symbols, 10u);
  EXPECT_GT(all.structs, 8u);
  EXPECT_GT(all.fields, 50u);
}

TEST_P(Damage, Truncated) {
  for (std::size_t size = 0; size < bytes_.size(); size += size < 512 ? 1 : 37) timed(bytes_, size);
}

// The section headers stand at the end of a file, so what is cut off there is not much of a test of DWARF.
TEST_P(Damage, ShortenedSections) {
  Elf64_Ehdr header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::vector<char> damaged = bytes_;
    for (int cut = 0; cut < 3; ++cut) {
      char* const at = damaged.data() + header.e_shoff + random() % header.e_shnum * sizeof(Elf64_Shdr);
      Elf64_Shdr section;
      std::memcpy(&section, at, sizeof section);
      if (section.sh_size > 0) section.sh_size = random() % section.sh_size;
      std::memcpy(at, &section, sizeof section);
    }
    timed(damaged, damaged.size());
  }
}

TEST_P(Damage, FlippedBits) {
  const std::vector<Range> parts = telling_parts(bytes_);
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::vector<char> damaged = bytes_;
    const Range part = parts[random() % parts.size()];
    for (unsigned flips = 1 + random() % 8; flips != 0; --flips) {
      damaged[part.begin + random() % (part.end - part.begin)] ^= static_cast<char>(1U << random() % 8);
    }
    timed(damaged, damaged.size());
  }
}

// Extreme numbers where sizes and offsets are.
TEST_P(Damage, OverwrittenWords) {
  const std::vector<Range> parts = telling_parts(bytes_);
  const std::uint64_t kNumbers[] = {
      0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, ~0ULL, ~0xfULL};
  std::mt19937 random(2);
  for (int i = 0; i < 3000; ++i) {
    std::vector<char> damaged = bytes_;
    const Range part = parts[random() % parts.size()];
    const std::size_t width = std::size_t{1} << random() % 4;
    const std::size_t at = part.begin + random() % (part.end - part.begin) / width * width;
    const std::uint64_t number = kNumbers[random() % std::size(kNumbers)];
    std::memcpy(damaged.data() + at, &number, std::min(width, damaged.size() - at));
    timed(damaged, damaged.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Elf, Damage, testing::Values("dwarf2.so", "dwarf5.so", "type_units4.so", "clang.so"),
                         [](const auto& sample) {
                           const std::string name = sample.param;
                           return name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace heapglass
