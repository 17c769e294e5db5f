#include "lib/python/find_runtime.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/python/builtin_layouts.h"
#include "lib/python/collecting.h"
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

TEST_F(Runtime, IsCompleteAtOnceWithoutDebugInformation) {
  const auto binary = std::make_shared<FakeBinary>(heap, nullptr);
  const IdentifiedRuntime identified = identify_runtime(*heap.image, {binary});
  EXPECT_FALSE(identified.layout_pending);
  EXPECT_EQ(identified.python.version, "3.8.18");
  EXPECT_EQ(identified.python.runtime, heap.python.runtime);
  EXPECT_EQ(identified.python.layout.PyDictObject.ma_keys, heap.l().PyDictObject.ma_keys);
}

TEST_F(Runtime, DebugInformationIsLeftForLater) {
  const auto binary = std::make_shared<FakeBinary>(heap, std::make_shared<OneField>(ma_keys));
  const IdentifiedRuntime identified = identify_runtime(*heap.image, {binary});
  EXPECT_TRUE(identified.layout_pending);
  EXPECT_EQ(identified.python.layout_source, "built-in table for 3.8.18");
  EXPECT_EQ(binary->read, 0);
  const PyRuntime python = find_runtime(*heap.image, {binary});
  EXPECT_EQ(binary->read, 1);
  EXPECT_EQ(python.layout_source, "made-up debug information + built-in table for 3.8.18");
}

TEST_F(Runtime, OwnsItsBinaryAndItsSources) {
  auto binary = std::make_shared<FakeBinary>(heap, std::make_shared<OneField>(ma_keys));
  const PyRuntime python = find_runtime(*heap.image, {binary});
  binary.reset();
  EXPECT_EQ(python.binary->path(), "/usr/lib/libpython3.8.so.1.0");
  ASSERT_EQ(python.sources.size(), 2u);
  EXPECT_EQ(python.sources[0]->description(), "made-up debug information");
}

TEST_F(Runtime, ContradictionsAreRefusedInTheEnd) {
  const auto binary = std::make_shared<FakeBinary>(heap, std::make_shared<OneField>(ma_keys + 8));
  EXPECT_TRUE(identify_runtime(*heap.image, {binary}).layout_pending);
  try {
    find_runtime(*heap.image, {binary});
    FAIL() << "a contradiction was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotPython);
    EXPECT_NE(std::string(error.what()).find("PyDictObject.ma_keys is"), std::string::npos) << error.what();
  }
}

TEST(CollectorLists, OfAnotherLayoutDoNotClose) {
  FakeHeap heap{hexversion_of(3, 7, 16)};
  PyRuntime python = heap.python;
  EXPECT_EQ(check_collector_lists(python, *heap.image), "");
  // As 3.7.3 has them: the head 8 bytes shorter, and so all that comes after the first.
  python.layout =
      load_layout(LayoutSources(LayoutSourceList{builtin_layout(hexversion_of(3, 7, 3), false)})).layout;
  EXPECT_NE(check_collector_lists(python, *heap.image), "");
}

}  // namespace
}  // namespace heapglass
