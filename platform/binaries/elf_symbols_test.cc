#include "platform/binaries/elf_symbols.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

std::shared_ptr<const ElfFile> open_sample(const std::string& name) {
  std::string why;
  auto file = ElfFile::open(std::string(HEAPGLASS_ELF_SAMPLES) + "/" + name, why);
  EXPECT_NE(file, nullptr) << why;
  return file;
}

TEST(ElfSymbols, LtoSuffixes) {
  EXPECT_EQ(without_lto_suffix("arenas.lto_priv.0"), "arenas");
  EXPECT_EQ(without_lto_suffix("arenas.lto_priv.12"), "arenas");
  EXPECT_EQ(without_lto_suffix("arenas.llvm.1234567"), "arenas");
  EXPECT_EQ(without_lto_suffix("arenas"), "arenas");
  EXPECT_EQ(without_lto_suffix("arenas.lto_priv."), "arenas.lto_priv.");
  EXPECT_EQ(without_lto_suffix("arenas.lto_priv.x"), "arenas.lto_priv.x");
  EXPECT_EQ(without_lto_suffix(".lto_priv.0"), ".lto_priv.0");
  EXPECT_EQ(without_lto_suffix("free_list.constprop.0"), "free_list.constprop.0");
}

TEST(ElfSymbols, FindsByNameAndByPlainNameWhereUnique) {
  const auto file = open_sample("dwarf5.so");
  const ElfSymbols symbols(file, 0);
  EXPECT_TRUE(symbols.find("everything_object"));
  ASSERT_TRUE(symbols.find("unique_object"));
  EXPECT_EQ(symbols.find("unique_object")->address, symbols.find("unique_object.lto_priv.0")->address);
  EXPECT_EQ(symbols.find("unique_object")->size, sizeof(int));
  EXPECT_TRUE(symbols.find("doubled_object.lto_priv.0"));
  EXPECT_TRUE(symbols.find("doubled_object.lto_priv.1"));
  EXPECT_FALSE(symbols.find("doubled_object"));  // .lto_priv.0 and .1 are different variables
  EXPECT_FALSE(symbols.find("same_name"));       // static in two files
  EXPECT_FALSE(symbols.find("printf_is_not_here"));
  EXPECT_FALSE(symbols.find(""));
  EXPECT_FALSE(symbols.find("thread_local_object"));  // has no address
}

TEST(ElfSymbols, AddsTheBias) {
  const auto file = open_sample("dwarf5.so");
  const auto at = ElfSymbols(file, 0).find("sum");
  const auto moved = ElfSymbols(file, 0x1000).find("sum");
  ASSERT_TRUE(at && moved);
  EXPECT_EQ(moved->address - at->address, 0x1000u);
}

TEST(ElfSymbols, AsksForTheDebugFileOnceAndOnlyWhenNeeded) {
  const auto file = open_sample("dwarf5.so");
  const auto other = open_sample("fixed");  // stands for the debug file, with names of its own
  int asked = 0;
  const ElfSymbols symbols(file, 0, [&] {
    ++asked;
    return other;
  });
  EXPECT_TRUE(symbols.find("sum"));
  EXPECT_TRUE(symbols.find("local_object"));
  EXPECT_EQ(asked, 0);
  EXPECT_TRUE(symbols.find("fixed_object"));
  EXPECT_FALSE(symbols.find("nowhere"));
  EXPECT_EQ(asked, 1);
  const ElfSymbols without(file, 0, [] { return std::shared_ptr<const ElfFile>(); });
  EXPECT_FALSE(without.find("fixed_object"));
}

}  // namespace
}  // namespace heapglass
