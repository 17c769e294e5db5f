#include "platform/binaries/loaded_elf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "platform/process/process.h"

namespace heapglass {
namespace {

using Symbols = std::multimap<std::string, std::uint64_t>;

Symbols exported(const ElfFile& file) {
  Symbols symbols;
  file.symbols(ElfFile::Table::kDynamic,
               [&](const ElfSymbol& s) { symbols.emplace(std::string(s.name), s.address); });
  return symbols;
}

// Every library of our own, and ourselves: out of memory as out of the file.
TEST(LoadedElf, HasTheSymbolsOfTheFile) {
  const Process self = Process::open(getpid());
  const Mappings mappings = self.mappings();
  unsigned compared = 0;
  for (const Mapping& m : mappings) {
    if (m.file_offset != 0 || !m.path.starts_with('/') || m.path.find(".so") == std::string::npos) continue;
    std::string why;
    const auto file = ElfFile::open(m.path, why);
    if (!file) continue;
    const auto loaded = read_loaded_elf(self, m, why);
    ASSERT_NE(loaded, nullptr) << m.path << ": " << why;
    EXPECT_EQ(exported(*loaded), exported(*file)) << m.path;
    EXPECT_EQ(loaded->build_id(), file->build_id()) << m.path;
    EXPECT_EQ(loaded->load_bias(mappings, m), file->load_bias(mappings, m)) << m.path;
    ++compared;
  }
  EXPECT_GE(compared, 3u);  // libc, libstdc++, the loader
}

TEST(LoadedElf, RefusesWhatIsNone) {
  const Process self = Process::open(getpid());
  std::string why;
  for (const Mapping& m : self.mappings()) {
    if (m.path != "[stack]") continue;
    EXPECT_EQ(read_loaded_elf(self, m, why), nullptr);
    EXPECT_FALSE(why.empty());
  }
  Mapping nowhere;
  nowhere.start = Address{0x1000};
  EXPECT_EQ(read_loaded_elf(self, nowhere, why), nullptr);
}

}  // namespace
}  // namespace heapglass
