#include "lib/python/runtime.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/python/fake_binary.h"
#include "lib/python/fake_heap.h"

namespace heapglass {
namespace {

// What a made-up build's debug information says: one field, right or wrong.
class OneField final : public StructSource {
 public:
  explicit OneField(std::uint64_t ma_keys) { dict_.fields["ma_keys"] = {.offset = ma_keys, .size = 8}; }
  const StructLayout* find(std::string_view name) const override {
    return name == "PyDictObject" ? &dict_ : nullptr;
  }
  std::string description() const override { return "made-up debug information"; }

 private:
  StructLayout dict_;
};

class Runtime : public testing::Test {
 protected:
  FakeHeap heap{hexversion_of(3, 8, 18)};
  const std::uint64_t ma_keys = static_cast<std::uint64_t>(heap.l().PyDictObject.ma_keys);
};

TEST_F(Runtime, IsSettledAtOnceWithoutDebugInformation) {
  const FakeBinary binary(heap, nullptr);
  const PyRuntime python = PyRuntime::identify(*heap.image, {&binary});
  EXPECT_TRUE(python.settled);
  EXPECT_EQ(python.version, "3.8.18");
  EXPECT_EQ(python.runtime, heap.python.runtime);
}

TEST_F(Runtime, DebugInformationIsLeftForLater) {
  const OneField agrees(ma_keys);
  const FakeBinary binary(heap, &agrees);
  EXPECT_FALSE(PyRuntime::identify(*heap.image, {&binary}).settled);
  EXPECT_EQ(binary.read, 0);
  const PyRuntime python = PyRuntime::find(*heap.image, {&binary});
  EXPECT_TRUE(python.settled);
  EXPECT_EQ(binary.read, 1);
  EXPECT_EQ(python.layout_source, "made-up debug information + built-in table for 3.8.18");
}

TEST_F(Runtime, ContradictionsAreRefusedInTheEnd) {
  const OneField contradicts(ma_keys + 8);
  const FakeBinary binary(heap, &contradicts);
  EXPECT_FALSE(PyRuntime::identify(*heap.image, {&binary}).settled);
  try {
    PyRuntime::find(*heap.image, {&binary});
    FAIL() << "a contradiction was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotPython);
    EXPECT_NE(std::string(error.what()).find("PyDictObject.ma_keys is"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace heapglass
