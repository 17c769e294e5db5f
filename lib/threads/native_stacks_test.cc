#include "lib/threads/native_stacks.h"

#include <gtest/gtest.h>

#include <functional>

namespace heapglass {
namespace {

struct NoMemory : MemoryReader {
  bool read(Address, std::span<std::byte>) const override { return false; }
};

struct NoSymbols : SymbolSource {
  std::optional<Symbol> find(std::string_view) const override { return std::nullopt; }
};

// All code below 0x10000, whose frames call each other as `caller` says.
struct MadeUp : Binary {
  std::function<std::optional<CallerFrame>(const FrameRegisters&)> caller;
  std::string name = "/lib/made-up.so";
  NoSymbols none;

  const std::string& path() const override { return name; }
  std::string build_id() const override { return ""; }
  const SymbolSource& symbols() const override { return none; }
  std::optional<Symbol> section(std::string_view) const override { return std::nullopt; }
  bool may_have_structs() const override { return false; }
  std::shared_ptr<const StructSource> structs(const std::vector<std::string>&) const override {
    return nullptr;
  }
  bool has_code_at(Address a) const override { return value(a) < 0x10000; }
  std::optional<CallerFrame> caller_of(const FrameRegisters& frame, bool,
                                       const MemoryReader&) const override {
    return caller(frame);
  }
};

CallerFrame frame(std::uint64_t instruction, std::uint64_t stack) {
  CallerFrame out;
  out.registers.set(FrameRegisters::kRip, instruction);
  out.registers.set(FrameRegisters::kRsp, stack);
  return out;
}

NativeStack stack_by(std::function<std::optional<CallerFrame>(const FrameRegisters&)> caller) {
  auto binary = std::make_shared<MadeUp>();
  binary->caller = std::move(caller);
  ThreadRegisters thread;
  thread.instruction_pointer = Address{0x1000};
  thread.stack_pointer = Address{0x7000};
  return native_stack(thread, {binary}, {}, NoMemory{}, 100);
}

TEST(NativeStack, EndsWhereTheThreadBegins) {
  const NativeStack stack = stack_by([](const FrameRegisters& f) {
    CallerFrame caller = frame(value(f.instruction()) + 0x10, f.values[FrameRegisters::kRsp] + 0x20);
    caller.is_outermost = value(f.instruction()) == 0x1020;
    return std::optional(caller);
  });
  ASSERT_EQ(stack.frames.size(), 3u);
  EXPECT_EQ(stack.why_it_ends, "");
  EXPECT_EQ(stack.frames[2].instruction, Address{0x1020});
  EXPECT_EQ(stack.frames[2].file, "/lib/made-up.so");
}

TEST(NativeStack, WithoutATableSaysSo) {
  const NativeStack none = stack_by([](const FrameRegisters&) { return std::optional<CallerFrame>(); });
  EXPECT_EQ(none.frames.size(), 1u);
  EXPECT_NE(none.why_it_ends.find("0x1000"), std::string::npos) << none.why_it_ends;
  const NativeStack elsewhere = stack_by([](const FrameRegisters& f) {
    return std::optional(frame(0x20000, f.values[FrameRegisters::kRsp] + 8));
  });
  ASSERT_EQ(elsewhere.frames.size(), 2u);
  EXPECT_EQ(elsewhere.frames[1].file, "");
  EXPECT_NE(elsewhere.why_it_ends.find("0x20000"), std::string::npos) << elsewhere.why_it_ends;
}

// As in a core that lacks the page.
TEST(NativeStack, OfZerosIsNotWhole) {
  const NativeStack zeros = stack_by([](const FrameRegisters&) { return std::optional(frame(0, 0x7008)); });
  EXPECT_EQ(zeros.frames.size(), 1u);
  EXPECT_EQ(zeros.why_it_ends, "the return address of 0x1000 is 0");
}

// A stack that leads in a circle, and one that goes on for ever.
TEST(NativeStack, OfHostileMemoryEnds) {
  const NativeStack circle =
      stack_by([](const FrameRegisters&) { return std::optional(frame(0x1000, 0x7000)); });
  EXPECT_EQ(circle.frames.size(), 1u);
  EXPECT_NE(circle.why_it_ends.find("not whole"), std::string::npos) << circle.why_it_ends;
  const NativeStack endless = stack_by([](const FrameRegisters& f) {
    return std::optional(frame(0x1000, f.values[FrameRegisters::kRsp] + 8));
  });
  EXPECT_EQ(endless.frames.size(), 100u);
  EXPECT_NE(endless.why_it_ends.find("more than 100"), std::string::npos) << endless.why_it_ends;
  const NativeStack signals = stack_by([](const FrameRegisters&) {
    CallerFrame caller = frame(0x1000, 0x7000);
    caller.was_interrupted = true;
    return std::optional(caller);
  });
  EXPECT_EQ(signals.frames.size(), 100u);
}

TEST(NativeStack, WithoutRegistersSaysSo) {
  const NativeStack stack = native_stack(ThreadRegisters{}, {}, {}, NoMemory{}, 100);
  EXPECT_TRUE(stack.frames.empty());
  EXPECT_EQ(stack.why_it_ends, "its registers are not known");
}

}  // namespace
}  // namespace heapglass
