#include "platform/binaries/unwind_table.h"

#include <execinfo.h>
#include <gtest/gtest.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "platform/binaries/elf_symbols.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

#if defined(__x86_64__)

// Where this thread stands: by its registers, and as the C library unwinds it.
struct Here {
  FrameRegisters registers;
  std::vector<std::uint64_t> returns;
};

[[gnu::noinline]] void look(Here& here, const std::function<void()>& while_it_stands) {
  ucontext_t context;
  getcontext(&context);
  constexpr int kNumbers[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                              REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  for (unsigned i = 0; i < FrameRegisters::kCount; ++i)
    here.registers.set(i, static_cast<std::uint64_t>(context.uc_mcontext.gregs[kNumbers[i]]));
  void* returns[64];
  const int count = backtrace(returns, 64);
  for (int i = 1; i < count; ++i) here.returns.push_back(reinterpret_cast<std::uint64_t>(returns[i]));
  while_it_stands();
}

[[gnu::noinline]] std::size_t deep(Here& here, unsigned levels,
                                   const std::function<void()>& while_it_stands) {
  // Of a size that is known only now: the frame is found by rbp.
  auto* const room = static_cast<volatile char*>(__builtin_alloca(16 + 32 * levels));
  room[0] = 1;
  if (levels == 0)
    look(here, while_it_stands);
  else
    deep(here, levels - 1, while_it_stands);
  return room[0];
}

std::shared_ptr<const ElfFile> own_file() {
  std::string why;
  return ElfFile::open("/proc/self/exe", why);
}

std::uint64_t own_bias(const Process& self, const ElfFile& file) {
  const Mappings mappings = self.mappings();
  const Mapping* const own = find_mapping(mappings, Address{reinterpret_cast<std::uint64_t>(&own_file)});
  return file.load_bias(mappings, *own).value();
}

TEST(UnwindTable, FindsTheCallersThatTheCLibraryFinds) {
  const auto file = own_file();
  ASSERT_NE(file, nullptr);
  const Process self = Process::open(getpid());
  const UnwindTable table(file, own_bias(self, *file));
  Here here;
  deep(here, 10, [&] {
    FrameRegisters frame = here.registers;
    // Under ASan its own backtrace() is the innermost.
    const auto caller = table.caller_of(frame, false, self);
    ASSERT_TRUE(caller);
    const auto first =
        std::find(here.returns.begin(), here.returns.end(), value(caller->registers.instruction()));
    ASSERT_NE(first, here.returns.end());
    ASSERT_LE(first - here.returns.begin(), 1);
    here.returns.erase(here.returns.begin(), first);
    for (std::size_t i = 0; i < 12; ++i) {
      ASSERT_TRUE(table.has_code_at(frame.instruction()));
      const auto next = table.caller_of(frame, i > 0, self);
      ASSERT_TRUE(next) << i;
      EXPECT_EQ(value(next->registers.instruction()), here.returns.at(i)) << i;
      EXPECT_FALSE(next->was_interrupted);
      frame = next->registers;
    }
  });
}

TEST(UnwindTable, TellsNothingOfWhatIsNotInIt) {
  const auto file = own_file();
  ASSERT_NE(file, nullptr);
  const Process self = Process::open(getpid());
  const UnwindTable table(file, own_bias(self, *file));
  FrameRegisters frame;
  EXPECT_FALSE(table.caller_of(frame, true, self));  // no register is known
  for (const std::uint64_t nowhere : {0ull, 1ull, 0x1000ull, ~0ull}) {
    frame.set(FrameRegisters::kRip, nowhere);
    EXPECT_FALSE(table.has_code_at(frame.instruction()));
    EXPECT_FALSE(table.caller_of(frame, true, self));
  }
}

TEST(ElfSymbols, NamesTheFunctionThatHoldsAnAddress) {
  const auto file = own_file();
  ASSERT_NE(file, nullptr);
  const Process self = Process::open(getpid());
  const ElfSymbols symbols(file, own_bias(self, *file));
  const std::uint64_t main_at = value(symbols.find("main").value().address);
  for (const std::uint64_t offset : {0, 1, 4}) {
    const auto place = symbols.place_of(Address{main_at + offset});
    ASSERT_TRUE(place);
    EXPECT_EQ(place->function, "main");
    EXPECT_EQ(place->offset, offset);
  }
  EXPECT_FALSE(symbols.place_of(Address{0x10}));
}

#endif

}  // namespace
}  // namespace heapglass
