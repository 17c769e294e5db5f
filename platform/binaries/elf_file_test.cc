#include "platform/binaries/elf_file.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <span>
#include <sstream>
#include <thread>

#include "platform/binaries/elf_symbols.h"
#include "platform/process/proc_maps.h"

namespace heapglass {
namespace {

std::string sample(const std::string& name) { return std::string(HEAPGLASS_ELF_SAMPLES) + "/" + name; }

std::shared_ptr<const ElfFile> open_sample(const std::string& name) {
  std::string why;
  auto file = ElfFile::open(sample(name), why);
  EXPECT_NE(file, nullptr) << why;
  return file;
}

Mappings own_mappings() {
  std::ifstream maps("/proc/self/maps");
  std::stringstream text;
  text << maps.rdbuf();
  return parse_proc_maps(text.str());
}

const Mapping* mapping_of(const Mappings& mappings, const std::string& name) {
  for (const Mapping& mapping : mappings) {
    if (mapping.path.ends_with("/" + name)) return &mapping;
  }
  return nullptr;
}

TEST(ElfFile, TellsItsHeaders) {
  const auto library = open_sample("dwarf5.so");
  EXPECT_FALSE(library->fixed_address());
  EXPECT_FALSE(library->relocatable());
  EXPECT_EQ(library->build_id().size(), 40u);
  EXPECT_EQ(library->build_id().find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_FALSE(library->debug_link());
  EXPECT_FALSE(library->debug_alt_link());
  ASSERT_GE(library->segments().size(), 3u);
  EXPECT_TRUE(library->segments()[0].readable);
  EXPECT_FALSE(library->segments()[0].writable);

  const ElfSection* const data = library->section(".data");
  ASSERT_NE(data, nullptr);
  EXPECT_NE(data->address, 0u);
  EXPECT_GE(data->size, 4 * sizeof(int));  // the initialised variables of the sample
  EXPECT_TRUE(data->has_bytes);
  EXPECT_EQ(library->read(".data").bytes().size(), data->size);
  const ElfSection* const bss = library->section(".bss");
  ASSERT_NE(bss, nullptr);
  EXPECT_FALSE(bss->has_bytes);
  EXPECT_TRUE(library->read(".bss").empty());
  EXPECT_EQ(library->section(".no_such_section"), nullptr);

  EXPECT_TRUE(open_sample("fixed")->fixed_address());
}

TEST(ElfFile, SaysWhyItCannotOpen) {
  std::string why;
  EXPECT_EQ(ElfFile::open("/no/such/file", why), nullptr);
  EXPECT_NE(why.find("/no/such/file"), std::string::npos);
  EXPECT_NE(why.find("No such file"), std::string::npos);
  EXPECT_EQ(ElfFile::open("/tmp", why), nullptr);
  EXPECT_NE(why.find("not a regular file"), std::string::npos);
  EXPECT_EQ(ElfFile::open(HEAPGLASS_SOURCE_DIR "/CMakeLists.txt", why), nullptr);
  EXPECT_NE(why.find("not an ELF file"), std::string::npos);
  EXPECT_EQ(ElfFile::from_memory({}, "nothing", why), nullptr);
}

TEST(ElfFile, DoesNotWaitForAPipe) {
  const std::string path = testing::TempDir() + "heapglass_pipe." + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::string why;
  EXPECT_EQ(ElfFile::open(path, why), nullptr);
  EXPECT_NE(why.find("not a regular file"), std::string::npos);
  ::unlink(path.c_str());
}

TEST(ElfFile, BiasOfALoadedLibrary) {
  void* const library = ::dlopen(sample("dwarf5.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << ::dlerror();
  const Mappings mappings = own_mappings();
  const Mapping* const mapping = mapping_of(mappings, "dwarf5.so");
  ASSERT_NE(mapping, nullptr);
  const auto file = open_sample("dwarf5.so");
  const auto bias = file->load_bias(mappings, *mapping);
  ASSERT_TRUE(bias);

  const ElfSymbols symbols(file, *bias);
  const auto expect_at = [&](const char* name, const void* at) {
    const auto found = symbols.find(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(value(found->address), reinterpret_cast<std::uint64_t>(at)) << name;
  };
  expect_at("everything_object", ::dlsym(library, "everything_object"));
  expect_at("sum", ::dlsym(library, "sum"));
  // Only in .symtab, and one with a suffix.
  const auto addresses = reinterpret_cast<int* (*)(int)>(::dlsym(library, "addresses"));
  ASSERT_NE(addresses, nullptr);
  expect_at("local_object", addresses(4));
  expect_at("unique_object", addresses(0));
  ::dlclose(library);
}

TEST(ElfFile, BiasOfThisVeryProgram) {
  std::string why;
  const auto self = ElfFile::open("/proc/self/exe", why);
  ASSERT_NE(self, nullptr) << why;
  const Mappings mappings = own_mappings();
  const Mapping* const mapping = find_mapping(mappings, Address{reinterpret_cast<std::uint64_t>(&sample)});
  ASSERT_NE(mapping, nullptr);
  const auto bias = self->load_bias(mappings, *mapping);
  ASSERT_TRUE(bias);
  const auto main_function = ElfSymbols(self, *bias).find("main");
  ASSERT_TRUE(main_function);
  EXPECT_NE(find_mapping(mappings, main_function->address), nullptr);
  EXPECT_TRUE(find_mapping(mappings, main_function->address)->executable);
}

// The mappings of a library whose writable segment begins in the page of the file where its code ends, with a
// part made read-only after relocation.
TEST(ElfFile, BiasWhereSegmentsShareAPageOfTheFile) {
  const auto file = open_sample("dwarf5.so");
  const std::uint64_t base = 0x7f0000000000;
  const auto down = [](std::uint64_t a) { return a & ~std::uint64_t{4095}; };
  Mappings mappings;
  for (const ElfSegment& segment : file->segments()) {
    Mapping mapping;
    mapping.start = Address{base + down(segment.address)};
    mapping.end = Address{base + down(segment.address + segment.file_size + 4095)};
    mapping.file_offset = down(segment.offset);
    mapping.readable = true;
    mapping.executable = segment.executable;
    mapping.inode = 7;
    mapping.path = "/lib/dwarf5.so";
    mappings.push_back(mapping);
  }
  Mapping other = mappings.back();
  other.inode = 8;  // another file at a place that would say otherwise
  other.start = Address{base + 0x100000};
  other.end = Address{base + 0x101000};
  mappings.push_back(other);
  EXPECT_EQ(file->load_bias(mappings, mappings[0]), base);
  // Somebody maps the whole file to read it.
  Mapping whole = mappings[0];
  whole.start = Address{base - 0x1000000};
  whole.end = whole.start + file->size();
  whole.file_offset = 0;
  mappings.insert(mappings.begin(), whole);
  EXPECT_EQ(file->load_bias(mappings, mappings[0]), base);
  EXPECT_EQ(open_sample("fixed")->load_bias(mappings, mappings[0]), 0u);
  EXPECT_EQ(file->load_bias({}, whole), std::nullopt);
}

// A copy of a sample that a test may change while it is read.
class ChangingElf : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "/heapglass_changing." + std::to_string(::getpid());
    std::ifstream from(sample("dwarf5.so"), std::ios::binary);
    whole_.assign(std::istreambuf_iterator<char>(from), {});
    put(whole_);
  }
  void TearDown() override { ::unlink(path_.c_str()); }
  void put(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  std::shared_ptr<const ElfFile> open() {
    std::string why;
    return ElfFile::open(path_, why);
  }
  std::string path_, whole_;
};

TEST_F(ChangingElf, CutShortItIsAnErrorAndNoSignal) {
  const auto file = open();
  ASSERT_NE(file, nullptr);
  const std::size_t there = file->read(".dynsym").bytes().size();
  ASSERT_NE(there, 0u);
  ASSERT_EQ(::truncate(path_.c_str(), 0), 0);
  std::string why;
  EXPECT_TRUE(file->read(*file->section(".debug_info"), why).empty());
  EXPECT_NE(why.find("shrank while it was read"), std::string::npos) << why;
  EXPECT_EQ(file->crc(), 0u);
  EXPECT_NE(file->build_id(), "");
  file->symbols(ElfFile::Table::kFull, [](const ElfSymbol&) {});
  EXPECT_EQ(open(), nullptr);
}

TEST_F(ChangingElf, WhatWasReadOnceStays) {
  const auto file = open();
  ASSERT_NE(file, nullptr);
  const auto names = [&] {
    std::vector<std::string> found;
    file->symbols(ElfFile::Table::kDynamic, [&](const ElfSymbol& s) { found.emplace_back(s.name); });
    return found;
  };
  const auto before = names();
  ASSERT_FALSE(before.empty());
  put(std::string(whole_.size(), '\xff'));
  EXPECT_EQ(names(), before);
}

TEST_F(ChangingElf, ReleasedSectionsComeAgain) {
  const auto file = open();
  ASSERT_NE(file, nullptr);
  const auto bytes = [&](const char* name) {
    const SectionBytes section = file->read(name);
    const auto* at = reinterpret_cast<const char*>(section.bytes().data());
    return std::string(at, section.bytes().size());
  };
  for (const char* name : {".debug_info", ".debug_str", ".debug_line_str", ".dynsym", ".symtab", ".strtab"}) {
    const std::string before = bytes(name);
    file->release_debug_sections();
    EXPECT_EQ(bytes(name), before) << name;
  }
}

// One that comes and goes at every moment of the reading.
TEST_F(ChangingElf, WhileItComesAndGoes) {
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      (void)!::truncate(path_.c_str(), 0);
      put(whole_);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  unsigned opened = 0;
  for (int i = 0; i < 300; ++i) {
    const auto file = open();
    if (!file) continue;
    ++opened;
    for (const ElfSection& section : file->sections()) (void)file->read(section.name);
    for (const auto table : {ElfFile::Table::kDynamic, ElfFile::Table::kFull})
      file->symbols(table, [](const ElfSymbol&) {});
    (void)file->debug_link();
    (void)file->crc();
  }
  done = true;
  other.join();
  std::cout << opened << " of 300 were opened\n";
}

TEST(ElfFile, ACompressedSectionHasTheSizeThatItStates) {
  const std::string path = HEAPGLASS_SOURCE_DIR "/testdata/corpus/elf_fuzz/zlib.so";
  std::ifstream from(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(from), {}};
  std::string why;
  const auto read = [&] {
    const auto file = ElfFile::from_memory(std::as_bytes(std::span(bytes)), "zlib.so", why);
    return file->read(*file->section(".debug_info"), why);
  };
  const auto sound = ElfFile::open(path, why);
  ASSERT_NE(sound, nullptr) << why;
  const ElfSection* const info = sound->section(".debug_info");
  ASSERT_TRUE(info->compressed);
  std::uint64_t stated = 0;  // ch_size
  std::memcpy(&stated, bytes.data() + info->offset + 8, sizeof stated);
  EXPECT_EQ(read().bytes().size(), stated);
  for (const std::uint64_t lie :
       {stated + 1, stated - 1, stated * 500, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    std::memcpy(bytes.data() + info->offset + 8, &lie, sizeof lie);
    EXPECT_TRUE(read().empty()) << lie;
    EXPECT_NE(why, "");
  }
}

TEST(ElfFile, ASparseFileIsNotReadAsAWhole) {
  const std::string path = testing::TempDir() + "/heapglass_sparse." + std::to_string(::getpid());
  std::ifstream from(sample("dwarf5.so"), std::ios::binary);
  std::ofstream(path, std::ios::binary) << from.rdbuf();
  ASSERT_EQ(::truncate(path.c_str(), off_t{1} << 38), 0);
  std::string why;
  const auto file = ElfFile::open(path, why);
  EXPECT_NE(file, nullptr) << why;
  ASSERT_EQ(::truncate(path.c_str(), off_t{1} << 41), 0);
  EXPECT_EQ(ElfFile::open(path, why), nullptr);
  EXPECT_NE(why.find("larger than any program"), std::string::npos) << why;
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace heapglass
